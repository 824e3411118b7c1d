import { SERVICES } from '@baton/gateway';
import { OTHERWISE, routesOf } from './routes.js';

describe('Routes to services', () => {
  const routes = routesOf(SERVICES);

  it('lead requests for a type to the service that stores it', () => {
    for (const [type, service] of [['ServiceRequest', 'referrals'], ['Encounter', 'episodes'], ['Consent', 'consent'], ['Subscription', 'notifications'], ['Organization', 'directory']]) {
      expect(routes).toContainEqual({ prefix: `/fhir/R4/${type}`, to: service });
    }
  });

  it('leave to the gateway what may reach across services, and everything that belongs to no type', () => {
    expect(routes.filter(({ prefix }) => prefix === '/fhir/R4/Patient' || prefix === '/fhir/R4' || prefix === '/')).toEqual([]);
    expect(routes.filter(({ to }) => to === OTHERWISE)).toEqual([]);
  });

  it('lead to one service each, which also answers its own API', () => {
    expect(new Set(routes.map(({ prefix }) => prefix)).size).toBe(routes.length);
    for (const { name } of SERVICES.filter((service) => service.name !== OTHERWISE)) expect(routes).toContainEqual({ prefix: `/api/${name}`, to: name });
    expect(routes).toContainEqual({ prefix: '/oauth2', to: 'directory' });
  });
});
