import { SCHEMAS } from '@baton/postgres';
import { eventually, type TestDatabase } from '@baton/testing';

/**
 * Tables that change by themselves or by design: audit keeps refusals, routes are counted, tokens were used, what an endpoint
 * did not take is attempted again, and whoever reads the logs or the pathway notes how far it is.
 */
const RESTLESS = /^(audit\..*|referrals\.refused_count|consent\.service_recipient|directory\.assertion_used|notifications\.attempt|\w+\.(relay_lease|relayed|consumer_\w+|worker|lane|channel_health|person_lock))$/;

const counting = (tables: readonly string[]): string => tables.map((table) => `SELECT '${table}' AS name, count(*)::int AS rows FROM ${table}`).join(' UNION ALL ');

/** Rows of each table of each service, to prove that nothing was left anywhere. */
export async function storedRows(database: Pick<TestDatabase, 'admin'>): Promise<Record<string, number>> {
  const tables = await database.admin<{ name: string }>(
    `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY($1) AND c.relkind = 'r' ORDER BY 1`,
    [SCHEMAS],
  );
  const rows = await database.admin<{ name: string; rows: number }>(counting(tables.map(({ name }) => name).filter((name) => !RESTLESS.test(name))));
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]));
}

/** Waits until every event has been carried and handled: from then on only requests change anything. */
export async function atRest(database: Pick<TestDatabase, 'admin'>): Promise<void> {
  let before = '';
  let same = 0;
  await eventually(
    async () => {
      const now = JSON.stringify(await storedRows(database));
      same = now === before ? same + 1 : 0;
      before = now;
      return same >= 3;
    },
    { within: 10_000, every: 100 },
  );
}
