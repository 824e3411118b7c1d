import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ask, stopAll, until, upstream } from './proxy.fixture.js';
import { optionsOf, proxyConfig } from './config.js';

const folder = mkdtempSync(join(tmpdir(), 'baton-proxy-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(stopAll);

let files = 0;
function file(content: unknown): string {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const ROUTES = { routes: [{ prefix: '/fhir/R4/Task', to: 'referrals' }], otherwise: 'gateway' };

describe('the configuration', () => {
  it('is read from the environment', () => {
    const env = { BATON_HOST: '0.0.0.0', BATON_PORT: '8080', BATON_ROUTES: file(ROUTES), BATON_UPSTREAMS: 'referrals=http://referrals-1:8080|http://referrals-2:8080, gateway=http://[::1]:80' };
    expect(optionsOf(proxyConfig(env))).toEqual({ host: '0.0.0.0', port: 8080, ...ROUTES, upstreams: { referrals: ['http://referrals-1:8080', 'http://referrals-2:8080'], gateway: ['http://[::1]:80'] } });
  });

  it.each([
    ['every wrong variable at once', { BATON_PORT: 'http', BATON_UPSTREAMS: 'gateway' }, ['BATON_PORT: must be a port', 'BATON_ROUTES: must be the path of a JSON file', 'BATON_UPSTREAMS: must name groups']],
    ['a file that is not there', { BATON_ROUTES: join(folder, 'none') }, ['BATON_ROUTES: cannot be read as JSON: ENOENT', 'BATON_UPSTREAMS: must name']],
    ['a file that is no JSON', { BATON_ROUTES: file('{') }, ['BATON_ROUTES: cannot be read as JSON: it is none']],
  ])('names %s', (_what, env, texts) => {
    for (const text of texts) expect(() => proxyConfig(env)).toThrow(text);
  });

  it('names what is wrong in the file', () => {
    expect(() => proxyConfig({ BATON_ROUTES: file({ routes: [{ prefix: 'fhir', to: 'a' }], or: 'b' }) })).toThrow(/BATON_ROUTES: the file is wrong: routes\.0\.prefix: .*otherwise/);
  });

  it('names groups that routes lead to and that have no instances', () => {
    expect(() => proxyConfig({ BATON_ROUTES: file(ROUTES), BATON_UPSTREAMS: 'gateway=http://a:1' })).toThrow('BATON_UPSTREAMS: must name instances of referrals');
  });

  it.each(['a=https://a:1', 'a=http://a:1/path', 'a=http://u:p@a:1', 'a=', '=http://a:1', 'a=http://a:1,a=http://b:1', 'a=http://a:1|', 'a=a:1'])('takes no instances such as %s', (text) => {
    expect(() => proxyConfig({ BATON_ROUTES: file({ routes: [], otherwise: 'a' }), BATON_UPSTREAMS: text })).toThrow('BATON_UPSTREAMS: must name groups');
  });
});

describe('the process', () => {
  it('asked to stop lets running requests end, and ends with 0', async () => {
    let finish: () => void = () => undefined;
    const service = await upstream((_, response) => void (finish = () => response.end('done')));
    const env = { ...process.env, BATON_HOST: '127.0.0.1', BATON_PORT: '0', BATON_ROUTES: file({ routes: [], otherwise: 'all' }), BATON_UPSTREAMS: `all=${service.address}` };
    const child = spawn(process.execPath, [fileURLToPath(new URL('./main.js', import.meta.url))], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const exited = once(child, 'exit');
    try {
      await once(child.stderr, 'data');
      const [address] = /http:\S+/.exec(said)!;
      const held = ask({ address, stop: async () => undefined }, '/');
      await until(() => service.asked.length === 1);
      child.kill('SIGTERM');
      await expect(Promise.race([exited, new Promise((done) => setTimeout(done, 200, 'runs'))])).resolves.toBe('runs');
      finish();
      expect(await held).toMatchObject({ status: 200, text: 'done' });
      expect(await exited).toEqual([0, null]);
      expect(said).toContain('The proxy has stopped.');
    } finally {
      child.kill('SIGKILL');
    }
  });
});
