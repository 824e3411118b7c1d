import { startPostgres, type StartPostgresOptions } from './start-postgres.js';

/**
 * A process of its own that starts an engine (`node held-engine.fixture.js '<options as JSON>'`), prints its address and
 * process id as a line of JSON, and holds it until it is killed; SIGTERM stops it in an orderly way.
 */
const engine = await startPostgres(JSON.parse(process.argv[2] ?? '{}') as StartPostgresOptions);
process.stdout.write(`${JSON.stringify({ adminDsn: engine.adminDsn, pid: engine.pid })}\n`);
const hold = setInterval(() => undefined, 60_000);
process.once('SIGTERM', () => {
  clearInterval(hold);
  void engine.stop();
});
