import { parseArgs } from 'node:util';
import { applyTopics } from './apply-topics.js';
import { isFree } from './ports.js';
import { startKafka } from './start-kafka.js';
import { KafkaUnavailable } from './unavailable.js';

/**
 * `npm run kafka [-- --brokers 3] [--port 9092] [--home folder]`: brokers in the foreground, with Baton's topics, until Ctrl-C.
 */
const { values } = parseArgs({ options: { brokers: { type: 'string', default: '1' }, port: { type: 'string' }, home: { type: 'string' }, help: { type: 'boolean', default: false } } });
if (values.help) {
  process.stdout.write('Usage: npm run kafka -- [--brokers 3] [--port 9092] [--home folder]\n');
  process.exit(0);
}
const WELL_KNOWN = 9092;

async function main(): Promise<void> {
  const usual = (await isFree(WELL_KNOWN)) ? WELL_KNOWN : undefined;
  const port = values.port === undefined ? usual : Number(values.port);
  process.stderr.write('Starting Apache Kafka; the first time its jars are fetched ...\n');
  const kafka = await startKafka({ restarts: (says) => void process.stderr.write(`${says}\n`), brokers: Number(values.brokers), ...(port === undefined ? {} : { port }), ...(values.home === undefined ? {} : { home: values.home }) });
  let stopped: Promise<void> | undefined;
  // The same signal may come twice, by way of npm.
  const stop = (): void => void (stopped ??= kafka.stop().then(() => process.exit(0)));
  setInterval(() => undefined, 60_000);
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const { made } = await applyTopics(kafka.brokers);
  process.stderr.write(`Kafka answers, with ${made.length} new topics. Ctrl-C ends it${values.home === undefined ? ' and removes its data' : ''}.\n`);
  process.stdout.write(`KAFKA_BROKERS=${kafka.brokers}\n`);
}

await main().catch((error: unknown) => {
  if (!(error instanceof KafkaUnavailable)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
