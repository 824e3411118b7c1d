import { request } from 'node:http';
import { PartnerSystem, startBaton, type BatonUnderTest } from '../index.js';

let baton: BatonUnderTest;
let trust: PartnerSystem;
beforeAll(async () => {
  baton = await startBaton();
  trust = new PartnerSystem(baton, 'rapid-response');
});
afterAll(() => baton.stop());

/** Sends a path as it is: fetch would mend it. */
async function raw(path: string, headers: Record<string, string> = {}): Promise<{ status: number; body: { resourceType?: string; issue?: { details: { coding: { code: string }[] } }[] } }> {
  const { hostname, port } = new URL(baton.address);
  const token = await trust.accessToken();
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, headers: { authorization: `Bearer ${token}`, ...headers } }, (response) => {
      let text = '';
      response.on('data', (part: Buffer) => (text += part.toString()));
      response.on('end', () => resolve({ status: response.statusCode!, body: JSON.parse(text) }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('what never becomes a proper request is answered with an OperationOutcome all the same', () => {
  it.each([
    ['an id longer than any', `/fhir/R4/Patient/${'a'.repeat(300)}`, {}, 404, 'resource-unknown'],
    ['a percent-encoding that is none', '/fhir/R4/Patient/%E0%A4%A', {}, 400, 'url-malformed'],
    ['a NUL in the path', '/fhir/R4/Patient/%00', {}, 400, 'url-malformed'],
    ['a NUL in a search', '/fhir/R4/Patient?name=%00', {}, 400, 'url-malformed'],
    ['headers beyond all measure', '/fhir/R4/Patient', { 'x-big': 'a'.repeat(20_000) }, 431, 'head-too-large'],
    ['an address where nothing is', '/nowhere', {}, 404, 'address-unknown'],
  ])('%s', async (_what, path, headers, status, rule) => {
    const answer = await raw(path, headers);
    expect([answer.status, answer.body.resourceType, answer.body.issue?.[0]?.details.coding[0]?.code]).toEqual([status, 'OperationOutcome', rule]);
  });

  it('a NUL in a form', async () => {
    const answer = await trust.send('POST', 'Patient/_search', 'name=%00', { 'content-type': 'application/x-www-form-urlencoded' });
    expect([answer.status, answer.body.issue[0].details.coding[0].code]).toEqual([400, 'character-not-stored']);
  });
});
