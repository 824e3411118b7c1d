import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
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

describe('what HTTP itself asks for', () => {
  it.each([
    ['DELETE', 'ServiceRequest', 'GET, HEAD, POST, PUT, PATCH'],
    ['DELETE', 'ServiceRequest/x', 'GET, HEAD, PUT, PATCH'],
    ['POST', 'Patient/x', 'GET, HEAD, PUT, PATCH, DELETE'],
    ['POST', 'Task', 'GET, HEAD, PUT, PATCH'],
    ['PUT', 'HealthcareService', 'GET, HEAD'],
    ['PUT', 'Patient/x/_history/1', 'GET, HEAD'],
    ['DELETE', 'Organization', 'GET, HEAD'],
    ['GET', '', 'POST'],
    ['GET', '$process-message', 'POST'],
  ])('%s %s: 405 with the methods that are offered there', async (method, path, allow) => {
    const answer = await trust.send(method, path, method === 'DELETE' || method === 'GET' ? undefined : { resourceType: path.split('/')[0] });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
  });

  it('leads whoever opens the address itself to the documentation', async () => {
    const answer = await fetch(`${baton.address}/`, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/docs']);
  });

  it('answers HEAD as GET without a body', async () => {
    const answer = await trust.send('HEAD', 'Patient', undefined);
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([200, '', 'application/fhir+json; charset=utf-8']);
  });

  it('bounds a body that comes in chunks as one that says its length', async () => {
    const { port } = new URL(baton.address);
    const token = await trust.accessToken();
    const status = await new Promise((resolve, reject) => {
      const sent = request({ port, path: '/fhir/R4/Patient', method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json', 'transfer-encoding': 'chunked' } }, (response) => resolve(response.resume().statusCode));
      sent.on('error', reject);
      sent.end(`{"resourceType":"Patient","language":"${'a'.repeat(2_000_000)}"}`);
    });
    expect(status).toBe(413);
  });
});

describe('a header cannot be smuggled in', () => {
  /** Writes bytes as they are, which no HTTP client would. @returns the whole answer */
  async function bytes(text: string): Promise<string> {
    const { hostname, port } = new URL(baton.address);
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('data', (part: Buffer) => (answer += part.toString())).write(text);
    await once(socket, 'close');
    return answer;
  }

  it('by a line break in a header, in an id that is echoed, or in a search that comes back in links', async () => {
    const token = await trust.accessToken();
    const head = (path: string, more: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${more}\r\n`;
    for (const more of ['X-Request-Id: a\n x-evil: 1\r\n', 'X-Request-Id: a\rx-evil: 1\r\n', 'X-Request-Id : a\r\n', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n']) {
      expect([more, (await bytes(head('/fhir/R4/Patient', more))).split('\r\n')[0]]).toEqual([more, expect.stringMatching(/^HTTP\/1\.1 400 /)]);
    }
    const echoed = await bytes(head('/fhir/R4/Patient', 'X-Request-Id: a%0d%0ax-evil: 1\r\n'));
    expect(echoed).toMatch(/^HTTP\/1\.1 200 /);
    expect(echoed).not.toMatch(/x-evil/i);
    const found = await bytes(head('/fhir/R4/Patient?name=a%0d%0ax-evil:%201', ''));
    expect(found).toMatch(/^HTTP\/1\.1 200 /);
    expect(found).not.toMatch(/^x-evil/im);
    expect(found).toContain('name=a%0D%0Ax-evil');
  });
});
