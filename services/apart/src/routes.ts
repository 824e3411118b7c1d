import type { Route } from '@baton/proxy';
import type { Service } from '@baton/service-host';

/** Where requests go that no route names: what belongs to no single type. */
export const OTHERWISE = 'gateway';

/** Which service answers which addresses; what is fronted by the gateway has no route (design: requests for one type go to its service, the rest to the gateway). */
export const routesOf = (services: readonly Service[]): Route[] =>
  services
    .filter(({ name }) => name !== OTHERWISE)
    .flatMap(({ name, types, fronted = [], routes = [] }) => [
      ...types.filter(({ type }) => !fronted.includes(type)).map(({ type }) => `/fhir/R4/${type}`),
      `/api/${name}`,
      ...routes,
    ].map((prefix) => ({ prefix, to: name })));
