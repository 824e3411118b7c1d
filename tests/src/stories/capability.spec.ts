import { randomUUID } from 'node:crypto';
import { FHIR_JSON } from '@baton/service-host';
import { PartnerSystem, startBaton, type BatonUnderTest } from '../index.js';
import { specimens, type Specimen } from './specimens.js';
import { rulesOf } from './referring.js';

interface Declared {
  type: string;
  interaction: { code: string }[];
  searchParam: { name: string; type: string }[];
  operation?: { name: string }[];
  conditionalCreate: boolean;
  conditionalUpdate: boolean;
  conditionalRead: string;
  conditionalDelete: string;
}

let baton: BatonUnderTest;
let trust: PartnerSystem;
let declared: Declared[];
let system: { interaction: { code: string }[]; operation: { name: string }[] };
let known: ReadonlyMap<string, Specimen>;
beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  const metadata = (await (await fetch(`${baton.fhirBase}/metadata`)).json()) as { rest: (typeof system & { resource: Declared[] })[] };
  system = metadata.rest[0]!;
  declared = metadata.rest[0]!.resource;
  known = await specimens(trust, new PartnerSystem(baton, 'safe-zones'));
});
afterAll(() => baton.stop());

const TARGETS = ['Patient', 'Organization', 'HealthcareService', 'Location', 'Practitioner', 'ServiceRequest', 'EpisodeOfCare'];
/** A value that parses for each kind of search parameter, and matches nothing. */
const VALUES: Readonly<Record<string, string>> = { token: 'urn:none|none', string: 'zzzz', date: 'lt1900-01-01', uri: 'urn:none', number: '0', quantity: '0' };

describe('every line of the CapabilityStatement is true', () => {
  it('each type answers read, vread, history and search, and says 404 of what is not there', async () => {
    for (const { type } of declared) {
      const id = randomUUID();
      const statuses = [];
      for (const path of [`${type}/${id}`, `${type}/${id}/_history/1`, `${type}/${id}/_history`, `${type}?_count=1`]) statuses.push((await trust.get(path)).status);
      expect([type, ...statuses]).toEqual([type, 404, 404, 404, 200]);
    }
  });

  it('a resource of each type is read, in its version, with its history, and found', async () => {
    for (const { type } of declared) {
      const { owner, id } = known.get(type)!;
      const { body } = await owner.get(`${type}/${id}`);
      expect(body).toMatchObject({ resourceType: type, id });
      expect((await owner.get(`${type}/${id}/_history/${body.meta.versionId}`)).body).toEqual(body);
      expect((await owner.get(`${type}/${id}/_history`)).body.entry[0].resource).toEqual(body);
      expect((await owner.get(`${type}?_id=${id}`)).body.entry[0].resource).toEqual(body);
    }
  });

  it('each search parameter is understood, strictly, and narrows', async () => {
    for (const { type, searchParam } of declared) {
      for (const { name, type: kind } of searchParam) {
        // A reference parameter takes only the types it may lead to.
        const values = name === '_id' ? [randomUUID()] : kind === 'reference' ? TARGETS.map((target) => `${target}/${randomUUID()}`) : [VALUES[kind]!];
        const answers = await Promise.all(values.map((value) => trust.get(`${type}?${name}=${encodeURIComponent(value)}&_total=accurate`, { prefer: 'handling=strict' })));
        const understood = answers.filter(({ status }) => status === 200);
        expect([type, name, understood.length > 0]).toEqual([type, name, true]);
        expect([type, name, ...new Set(understood.map(({ body }) => body.total as number))]).toEqual([type, name, 0]);
        expect(understood[0]!.body.link[0].url).toContain(`${name}=`);
      }
    }
  });

  it('a search parameter that is not declared is refused when asked strictly', async () => {
    for (const { type } of declared) expect([type, ...rulesOf(await trust.get(`${type}?undeclared=1`, { prefer: 'handling=strict' }))]).toEqual([type, 'search-parameter-unknown']);
  });

  it('what is declared as write is offered, and what is not is 405 or Baton’s alone', async () => {
    for (const { type, interaction } of declared) {
      const offers = (code: string) => interaction.some((each) => each.code === code);
      const created = await trust.post(type, { resourceType: type, unknownElement: true });
      expect(offers('create') ? [400] : [403, 405]).toContain(created.status);
      const updated = await trust.put(`${type}/${randomUUID()}`, { resourceType: type, unknownElement: true });
      expect(offers('update') ? [400] : [403, 405]).toContain(updated.status);
      const deleted = await trust.delete(`${type}/${randomUUID()}`);
      expect(offers('delete') ? [404] : [403, 405]).toContain(deleted.status);
    }
  });

  it('what is declared as write is carried out', async () => {
    for (const { type, interaction, conditionalCreate, conditionalUpdate, conditionalRead } of declared) {
      const { owner, id } = known.get(type)!;
      const offers = (code: string) => interaction.some((each) => each.code === code);
      const { body } = await owner.get(`${type}/${id}`);
      if (conditionalCreate) expect([type, (await owner.post(type, body, { 'if-none-exist': `_id=${id}` })).status]).toEqual([type, 200]);
      expect([type, conditionalRead, (await owner.get(`${type}/${id}`, { 'if-none-match': `W/"${body.meta.versionId}"` })).status]).toEqual([type, 'full-support', 304]);
      // A Task or a referral sent back as it is has no transition or amendment in it; each says so and not that it is not offered.
      if (offers('patch')) expect([type, (await owner.patch(`${type}/${id}`, [{ op: 'test', path: '/id', value: id }])).status]).toEqual([type, type === 'Task' ? 422 : 200]);
      if (offers('update')) {
        const { body: present } = await owner.get(`${type}/${id}`);
        expect([type, (await owner.put(`${type}/${id}`, present, { 'if-match': `W/"${present.meta.versionId}"` })).status]).toEqual([type, type === 'Task' ? 422 : 200]);
        expect([type, conditionalUpdate, (await owner.patch(`${type}?_id=${id}`, [{ op: 'test', path: '/id', value: id }])).status]).toEqual([type, true, type === 'Task' ? 422 : 200]);
      }
    }
    for (const { type, interaction, conditionalDelete } of declared.filter(({ interaction: offered }) => offered.some(({ code }) => code === 'delete'))) {
      const { owner, id } = known.get(type)!;
      expect(interaction).toContainEqual({ code: 'delete' });
      expect([type, conditionalDelete, (await owner.delete(`${type}?_id=${id}`)).status]).toEqual([type, 'single', 204]);
      expect([type, (await owner.delete(`${type}/${id}`)).status, (await owner.get(`${type}/${id}`)).status]).toEqual([type, 204, 410]);
    }
  });

  it('each operation is there', async () => {
    const answers = (answer: Awaited<ReturnType<PartnerSystem['get']>>) => (answer.status === 404 ? !rulesOf(answer).includes('address-unknown') && !rulesOf(answer).includes('type-not-offered') : answer.status !== 405);
    for (const { type, operation = [] } of declared) {
      for (const { name } of operation) expect([type, name, answers(await trust.get(`${type}/${known.get(type)!.id}/$${name}`))]).toEqual([type, name, true]);
    }
    for (const { name } of system.operation) expect([name, answers(await trust.post(`$${name}`, {}))]).toEqual([name, true]);
    const { body: status } = await trust.get('Subscription/$status');
    expect([status.resourceType, status.type]).toEqual(['Bundle', 'searchset']);
    expect((await trust.get('Patient/$nothing')).status).toBe(404);
  });

  it('each system interaction is there', async () => {
    expect(system.interaction.map(({ code }) => code).sort()).toEqual(['batch', 'transaction']);
    for (const { code } of system.interaction) {
      const { status, body } = await trust.post('', { resourceType: 'Bundle', type: code, entry: [{ request: { method: 'GET', url: `Organization/${known.get('Organization')!.id}` } }] });
      expect([status, body.type, body.entry[0].response.status.slice(0, 3)]).toEqual([200, `${code}-response`, '200']);
    }
  });
});

describe('the own APIs', () => {
  it('are described by the document behind /docs, and every path in it answers', async () => {
    const document = (await (await fetch(`${baton.address}/docs-json`)).json()) as { paths: Record<string, Record<string, unknown>> };
    expect((await fetch(`${baton.address}/docs`)).status).toBe(200);
    expect(Object.keys(document.paths).length).toBeGreaterThan(5);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) {
        const answer = await trust.send(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, randomUUID()), method === 'get' ? undefined : {});
        expect([path, method, answer.status < 500, JSON.stringify(answer.body).includes('address-unknown')]).toEqual([path, method, true, false]);
      }
    }
  });

  it('tell operations how it fares', async () => {
    expect(await (await fetch(`${baton.address}/health/ready`)).json()).toEqual({ status: 'ok', failing: [] });
    const metrics = await baton.metrics();
    for (const name of ['baton_outbox_age_seconds', 'baton_publish_latency_seconds', 'baton_consumer_lag_events', 'baton_parked_keys', 'baton_unacknowledged_referrals', 'baton_deliver']) expect(metrics).toContain(name);
  });

  it('FHIR answers are FHIR JSON', async () => expect((await trust.get('Patient')).headers.get('content-type')).toBe(FHIR_JSON));
});
