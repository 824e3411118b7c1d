import type { Group, Instance } from './instances.js';

const ANSWERS_WITHIN_MS = 1_000;

/** The groups of which no instance says that it is ready, as of now. */
export async function groupsFailing(groups: readonly Group[]): Promise<string[]> {
  const ready = await Promise.all(groups.map(({ instances }) => Promise.any(instances.map(isReady)).then(() => true, () => false)));
  return groups.filter((_, at) => !ready[at]).map(({ name }) => name);
}

async function isReady({ pool }: Instance): Promise<void> {
  const { statusCode, body } = await pool.request({ path: '/health/ready', method: 'GET', signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
  await body.dump();
  if (statusCode !== 200) throw new Error(`answers ${statusCode}`);
}
