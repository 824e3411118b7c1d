import { requestToken } from '@baton/access';
import { exampleReferral } from '@baton/standalone';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from './deployment.js';

const SEEN_WITHIN_MS = 30_000;

/** What this looks at of a resource or a Bundle of them. */
interface Seen {
  readonly id?: string;
  readonly resourceType?: string;
  readonly status?: string;
  readonly entry?: readonly { readonly resource?: Seen }[];
}

interface Answer {
  readonly status: number;
  readonly body: Seen | undefined;
}

/**
 * A referral from the trust to the charity and its acceptance, as partners do it: the charity sees it only when the event has travelled
 * through the broker to consent and back.
 * @param index which young person: another one each time
 * @throws saying what was not as it should be
 */
export async function referAndAccept({ address, home }: Place, index: number): Promise<void> {
  const fhirBase = `${address}/fhir/R4`;
  const [trust, charity] = [await partner(fhirBase, home, 'rapid-response'), await partner(fhirBase, home, 'safe-zones')];
  const stored = await trust('POST', '', exampleReferral({ index, seed: 7, today: new Date() }));
  const referral = idOf(stored, 'ServiceRequest');
  const task = await until(`the charity sees the Task of ServiceRequest/${referral}`, async () => {
    const found = await charity('GET', `Task?focus=ServiceRequest/${referral}`);
    return found.body?.entry?.[0]?.resource?.id ?? { instead: found };
  });
  const accepted = await charity('PATCH', `Task/${task}`, [{ op: 'replace', path: '/status', value: 'accepted' }], { 'content-type': 'application/json-patch+json', 'if-match': 'W/"1"' });
  expect(accepted.status === 200, 'the charity accepts', accepted);
  const read = await trust('GET', `Task/${task}`);
  expect(read.status === 200 && read.body?.status === 'accepted', 'the trust reads that it was accepted', read);
}

type Partner = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

async function partner(fhirBase: string, home: string, id: string): Promise<Partner> {
  const { access_token: token } = await requestToken({ fhirBase, partner: id, home });
  return async (method, path, body, headers = {}) => {
    const response = await fetch(path === '' ? fhirBase : `${fhirBase}/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json().catch(() => undefined)) as Seen | undefined };
  };
}

function idOf(bundle: Answer, type: string): string {
  const id = bundle.body?.entry?.find(({ resource }) => resource?.resourceType === type)?.resource?.id;
  expect(bundle.status === 200 && id !== undefined, 'the trust refers', bundle);
  return id!;
}

async function until(what: string, look: () => Promise<string | { instead: Answer }>): Promise<string> {
  for (const deadline = Date.now() + SEEN_WITHIN_MS; ; await sleep(100)) {
    const seen = await look();
    if (typeof seen === 'string') return seen;
    expect(Date.now() < deadline, what, seen.instead);
  }
}

function expect(holds: boolean, what: string, { status, body }: Answer): void {
  if (!holds) throw new Error(`Not so: ${what}. The answer was ${status} ${JSON.stringify(body)?.slice(0, 600)}`);
}
