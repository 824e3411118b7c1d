import { findJava, hasMaven, run } from './programs.js';
import { hasJars, jarsPlace } from './jars.js';
import { sharedBroker } from './shared-broker.js';
import { KafkaUnavailable } from './unavailable.js';

/** What the Kafka suites run against. */
export interface KafkaForTests {
  /** `host:port,host:port` */
  readonly brokers: string;
  readonly from: 'KAFKA_BROKERS' | 'local broker' | 'container';
}

let asked: Promise<KafkaForTests | undefined> | undefined;

/**
 * The broker of this test run: that of `KAFKA_BROKERS` if set, else a local one where Java and its jars (or Maven) are, else a container
 * where Docker answers. One per run, started when the first suite asks, gone with the run.
 * @returns undefined where there is none of them, after saying so loudly
 * @throws instead, with `CI=true`
 */
export function kafkaForTests(): Promise<KafkaForTests | undefined> {
  asked ??= choose();
  return asked;
}

async function choose(): Promise<KafkaForTests | undefined> {
  const given = process.env['KAFKA_BROKERS'];
  if (given) return { brokers: given, from: 'KAFKA_BROKERS' };
  const { brokers, missing } = await local();
  if (brokers !== undefined) return { brokers, from: 'local broker' };
  if ((await run('docker', ['info', '--format', '{{.ServerVersion}}'], 10_000)).code === 0) return { brokers: await sharedBroker('container'), from: 'container' };
  const says = `The Kafka suites did NOT run. ${missing} Docker does not answer either.`;
  if (process.env['CI'] === 'true') throw new Error(says);
  process.stderr.write(`\n${'!'.repeat(100)}\n${says}\n${'!'.repeat(100)}\n\n`);
  return undefined;
}

/** A broker of our own, or why there is none: programs that are not here, Maven Central out of reach. */
async function local(): Promise<{ brokers?: string; missing?: string }> {
  try {
    await findJava();
    if (!(await hasJars(await jarsPlace())) && !(await hasMaven())) throw new KafkaUnavailable('mvn was not found on the PATH to fetch it from Maven Central (Debian: apt-get install maven)');
    return { brokers: await sharedBroker('local') };
  } catch (error) {
    if (error instanceof KafkaUnavailable) return { missing: error.message };
    throw error;
  }
}
