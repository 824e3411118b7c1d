import { join } from 'node:path';
import { applyTopics, KafkaUnavailable, planFor, startKafka, type LocalKafka } from '@baton/kafka';
import { BENCH_TOPICS, benchMessaging, messagingBenchTables, type MessagingFigures } from '@baton/messaging/bench';
import { bootstrap, Database, dsnFor, type Schema } from '@baton/postgres';
import { Client } from 'pg';
import type { BenchRun } from './bench-run.js';
import type { Section } from './figures.js';

const SCHEMAS = ['referrals', 'consent'] as const;
const SECONDS_OF_A_PACE = 5;

/** Events through outbox, relay, transport and inbox, in databases of their own beside Baton's: same cluster, same disk; over both transports. */
export async function events(run: BenchRun): Promise<Section> {
  const log = await measured(run, 'log', undefined);
  const kafka = await kafkaIfThere(run);
  const overKafka = kafka && (await measured(run, 'kafka', kafka.brokers).finally(() => kafka.stop()));
  const both = [['the log in PostgreSQL', log] as const, ...(overKafka ? [['Kafka', overKafka] as const] : [])];
  return {
    name: 'events',
    title: 'Events through outbox, transport and inbox',
    head: ['', ...both.flatMap(([name]) => [`${name}, events /s`, '÷ its floor'])],
    rows: [
      ['written to the transport alone, batches of 500 (floor)', ...both.flatMap(([, figures]) => [figures.append, 1])],
      ['backlog from the outbox to the transport', ...both.flatMap(([, { drain, append }]) => [drain, ratio(drain, append)])],
      ['read by kafkajs alone (floor)', ...both.flatMap(([, { consume }]) => [consume ?? '–', consume === undefined ? '–' : 1])],
      ['backlog from the transport until effect and inbox row are committed', ...both.flatMap(([, { applied, append, consume }]) => [applied, ratio(applied, consume ?? append)])],
      ['backlog from the outbox until effect and inbox row are committed', ...both.flatMap(([, { endToEnd, append }]) => [endToEnd, ratio(endToEnd, append)])],
    ],
    notes: both.map(([name, { paced }]) => `Over ${name}, commit of the outbox row → commit of the effect: ${paced.map(({ perSecond, reached, p50, p99 }) => `${perSecond === 'full' ? `as many as possible (${reached}/s)` : `${perSecond}/s`} p50 ${p50}, p99 ${p99} ms`).join('; ')}.`),
    goals: overKafka ? [{ goal: 'relay’s backlog over Kafka ÷ kafkajs alone', wanted: '≥ 0.7', measured: String(ratio(overKafka.drain, overKafka.append)), met: ratio(overKafka.drain, overKafka.append) >= 0.7 }] : [],
    data: { log, ...(overKafka ? { kafka: overKafka } : {}) },
  };
}

const ratio = (one: number, other: number): number => Number((one / other).toFixed(2));

async function kafkaIfThere(run: BenchRun): Promise<LocalKafka | undefined> {
  try {
    const kafka = await startKafka();
    await applyTopics(kafka.brokers, Object.values(BENCH_TOPICS).map(planFor));
    return kafka;
  } catch (error) {
    if (!(error instanceof KafkaUnavailable)) throw error;
    run.say(`events: not measured over Kafka. ${error.message}`);
    return undefined;
  }
}

async function measured({ baton, settings, say }: BenchRun, name: string, brokers: string | undefined): Promise<MessagingFigures> {
  const database = `baton_bench_${name}`;
  await baton.sql(`CREATE DATABASE ${database}`);
  const adminDsn = baton.adminDsn.replace(/@\/[^?]*/, `@/${database}`);
  const secretsDir = join(baton.home, 'secrets');
  await bootstrap({ adminDsn, secretsDir });
  const admin = new Client({ connectionString: adminDsn });
  await admin.connect();
  for (const schema of SCHEMAS) await admin.query(messagingBenchTables(schema));
  await admin.end();
  const open = async (schema: Schema, commit: 'durable' | 'lazy'): Promise<Database> => Database.open({ dsn: await dsnFor(secretsDir, adminDsn, schema), schema, commit, poolSize: commit === 'lazy' ? 4 : 8 });
  const services = { referrals: await open('referrals', 'durable'), consent: await open('consent', 'durable'), backgrounds: { referrals: await open('referrals', 'lazy'), consent: await open('consent', 'lazy') } };
  const figures = await benchMessaging({ ...services, ...(brokers === undefined ? {} : { brokers }), events: settings.events, repeats: settings.repeats, seconds: SECONDS_OF_A_PACE });
  say(`events over ${name}: ${JSON.stringify(figures)}`);
  await Promise.all([services.referrals, services.consent, ...Object.values(services.backgrounds)].map((each) => each.close()));
  return figures;
}
