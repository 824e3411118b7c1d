import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openEngines, startApart } from '@baton/apart';
import { HostConfig, readConfig } from '@baton/service-host';
import { withLoopback } from '@baton/standalone';
import { COMPILED } from '@baton/testing';
import { startedAgain } from './placed.js';
import { runs, TELL_APART, TELL_WHO_RUNS } from './tell-stories.js';

/** `npm run test:apart`: stories and hostile suites, told to services in two processes each, on Kafka: most of them to one Baton, the others to one each. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const home = await mkdtemp(join(tmpdir(), 'baton-apart-'));
const env = withLoopback({ ...process.env, ...COMPILED, BATON_CHECK_EVENTS: '1', BATON_HOME: home, BATON_PORT: '0', BATON_LOG_LEVEL: 'silent' });
const config = readConfig(HostConfig, env);
const engines = await openEngines(home, config);
if (engines.brokers === undefined) throw new Error(`These tests need Kafka. ${engines.without ?? ''}`);
const apart = await startApart({ config, engines, instances: 2, env });

/** Whoever asks has all services end in order and start again. */
const control = createServer((_request, response) => {
  void Promise.all(apart.processes.map(startedAgain)).then(
    () => response.end(),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}).listen(0, '127.0.0.1');
await once(control, 'listening');
const restart = `node -e "fetch('http://127.0.0.1:${(control.address() as AddressInfo).port}').then(({ ok }) => process.exit(ok ? 0 : 1))"`;
const told = await runs(TELL_WHO_RUNS, ROOT, {
  ...process.env,
  BATON_ADDRESS: apart.address,
  BATON_HOME: home,
  BATON_PROCESSES: apart.processes.map(({ address }) => address).join(','),
  BATON_RESTART: restart,
});
control.close();
await apart.stop();
await engines.close();
await rm(home, { recursive: true, force: true });
process.exit((await runs(TELL_APART, ROOT)) && told ? 0 : 1);
