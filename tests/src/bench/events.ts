import { join } from 'node:path';
import { benchMessaging, messagingBenchTables } from '@baton/messaging/bench';
import { bootstrap, Database, dsnFor, type Schema } from '@baton/postgres';
import { Client } from 'pg';
import type { BenchRun } from './bench-run.js';
import type { Section } from './figures.js';

const DATABASE = 'baton_bench_events';
const SCHEMAS: readonly Schema[] = ['referrals', 'consent'];

/** Events through outbox, relay, log and inbox, in a database of their own beside Baton's: same cluster, same disk. */
export async function events(run: BenchRun): Promise<Section> {
  const { baton, settings } = run;
  await baton.sql(`CREATE DATABASE ${DATABASE}`);
  const adminDsn = baton.adminDsn.replace(/@\/[^?]*/, `@/${DATABASE}`);
  const secretsDir = join(baton.home, 'secrets');
  await bootstrap({ adminDsn, secretsDir });
  const admin = new Client({ connectionString: adminDsn });
  await admin.connect();
  for (const schema of SCHEMAS) await admin.query(messagingBenchTables(schema));
  await admin.end();
  const [referrals, consent] = await Promise.all(SCHEMAS.map(async (schema) => Database.open({ dsn: await dsnFor(secretsDir, adminDsn, schema), schema })));
  const figures = await benchMessaging({ referrals: referrals!, consent: consent!, events: settings.events, repeats: settings.repeats, groups: 1 });
  run.say(`events: ${JSON.stringify(figures)}`);
  await Promise.all([referrals!.close(), consent!.close()]);
  return {
    name: 'events',
    title: 'Events through outbox, log and inbox',
    head: ['', 'Events /s', '÷ append'],
    rows: [
      ['append to the log alone (floor)', figures.append, 1],
      ['backlog from the outbox to the log', figures.drain, Number((figures.drain / figures.append).toFixed(2))],
      ['backlog from the outbox until the effect and its inbox row are committed', figures.endToEnd, Number((figures.endToEnd / figures.append).toFixed(2))],
    ],
    notes: [`One event at a time, commit of the outbox row → commit of the effect: p50 ${figures.latencyMs.p50} ms, p99 ${figures.latencyMs.p99} ms; an acknowledged append alone: ${figures.appendAckMs.p50} / ${figures.appendAckMs.p99} ms.`],
    goals: [],
    data: figures,
  };
}
