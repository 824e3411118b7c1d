import { eventually } from '@baton/testing';
import type { PartnerSystem } from '../partner-system.js';

const PROJECTIONS = [
  ['directory', 'search'],
  ['consent', 'search'],
  ['consent', 'access'],
  ['referrals', 'search'],
  ['episodes', 'search'],
  ['notifications', 'search'],
] as const;

interface Rebuild {
  readonly state: string;
  readonly looked: number;
  readonly missing: number;
  readonly surplus: number;
}

/** Derives every projection again without mending it. @returns rows in which each differs from what it follows from */
export async function astray(operator: PartnerSystem): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [service, projection] of PROJECTIONS) {
    const { missing, surplus } = await derivedAgain(operator, service, projection, false);
    found[`rows astray in the projection ${projection} of ${service}`] = missing + surplus;
  }
  return found;
}

/** Derives a projection again, and waits for the end of it. @throws if it does not come to its end */
export async function derivedAgain(operator: PartnerSystem, service: string, projection: string, mend: boolean): Promise<Rebuild> {
  const { status, text, headers } = await operator.post(`/api/${service}/v1/rebuilds`, { projection, mend }, { 'content-type': 'application/json' });
  if (status !== 202) throw new Error(`${projection} of ${service} was not derived again: ${status} ${text}`);
  const ended = async (): Promise<Rebuild> => {
    const { body } = await operator.get(headers.get('location')!);
    if (body.state === 'running') throw new Error(`${projection} of ${service} is still being derived again`);
    return body as Rebuild;
  };
  const rebuild = await eventually(ended, { within: 60_000, every: 20 });
  if (rebuild.state !== 'done') throw new Error(`the rebuild of ${projection} of ${service} stopped`);
  return rebuild;
}
