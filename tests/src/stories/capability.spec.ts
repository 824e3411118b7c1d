import { randomUUID } from 'node:crypto';
import { FHIR_JSON } from '@baton/service-host';
import { PartnerSystem, startBaton, type BatonUnderTest } from '../index.js';

interface Declared {
  type: string;
  interaction: { code: string }[];
  searchParam: { name: string; type: string }[];
  operation?: { name: string }[];
}

let baton: BatonUnderTest;
let trust: PartnerSystem;
let declared: Declared[];
beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
  const metadata = (await (await fetch(`${baton.fhirBase}/metadata`)).json()) as { rest: { resource: Declared[] }[] };
  declared = metadata.rest[0]!.resource;
});
afterAll(() => baton.stop());

/** A value that parses for each kind of search parameter, and matches nothing. */
const VALUES: Readonly<Record<string, string>> = { token: 'urn:none|none', reference: `Patient/${randomUUID()}`, string: 'zzzz', date: 'lt1900-01-01', uri: 'urn:none', number: '0', quantity: '0' };

describe('every line of the CapabilityStatement is true', () => {
  it('each type answers read, vread, history and search, and says 404 of what is not there', async () => {
    for (const { type } of declared) {
      const id = randomUUID();
      const statuses = [];
      for (const path of [`${type}/${id}`, `${type}/${id}/_history/1`, `${type}/${id}/_history`, `${type}?_count=1`]) statuses.push((await trust.get(path)).status);
      expect([type, ...statuses]).toEqual([type, 404, 404, 404, 200]);
    }
  });

  it('each search parameter is understood, strictly, and narrows', async () => {
    for (const { type, searchParam } of declared) {
      for (const { name, type: kind } of searchParam) {
        const value = name === '_id' ? randomUUID() : VALUES[kind]!;
        for (const asked of [value, `Organization/${randomUUID()}`, `Location/${randomUUID()}`]) {
          const answer = await trust.get(`${type}?${name}=${encodeURIComponent(asked)}`, { prefer: 'handling=strict' });
          // A reference parameter takes only the types it may lead to.
          if (kind === 'reference' && answer.status === 400) continue;
          expect([type, name, answer.status, answer.body.total]).toEqual([type, name, 200, 0]);
          break;
        }
      }
    }
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

  it('each operation is there', async () => {
    const { body: status } = await trust.get('Subscription/$status');
    expect([status.resourceType, status.type]).toEqual(['Bundle', 'searchset']);
    expect((await trust.get(`Subscription/${randomUUID()}/$status`)).status).toBe(404);
    expect((await trust.get(`Subscription/${randomUUID()}/$events`)).status).toBe(404);
    expect((await trust.post('$process-message', {})).status).toBe(400);
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
    const metrics = await (await fetch(`${baton.address}/metrics`)).text();
    for (const name of ['baton_outbox_age_seconds', 'baton_publish_latency_seconds', 'baton_consumer_lag_events', 'baton_parked_keys', 'baton_unacknowledged_referrals', 'baton_deliver']) expect(metrics).toContain(name);
  });

  it('FHIR answers are FHIR JSON', async () => expect((await trust.get('Patient')).headers.get('content-type')).toBe(FHIR_JSON));
});
