import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer as HttpAnswer, PartnerSystem } from '../partner-system.js';
import { isAcknowledged, type Announcement, type Answer, type Asked, type Change, type Seen } from './history.js';

/** A request a partner wants carried out, once, whatever happens on the way. */
export interface Wish {
  readonly key: string;
  readonly what: string;
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What follows from its success. */
  readonly announces: (answer: HttpAnswer) => readonly Announcement[];
}

/** The partner gave up: nothing came in time, or a refusal that no repeat would change. */
export class NotGranted extends Error {
  override readonly name = 'NotGranted';
}

const PATIENCE_MS = 60_000;
const ANSWER_WITHIN_MS = 15_000;
const PAUSE_MS = 60;
const TRY_AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

/**
 * A partner's system as it should be: every write has an Idempotency-Key and is repeated under it, unchanged, until it was answered;
 * what was sent and answered is written down.
 */
export class CarefulPartner {
  constructor(
    readonly system: PartnerSystem,
    private readonly notes: { readonly asked: Asked[]; readonly seen: Seen[] },
    /** 0 … 1: how likely an answered request is sent once more, as a proxy might. */
    private readonly repeats: () => boolean,
    /** Milliseconds after which it gives up. */
    private readonly patience = PATIENCE_MS,
  ) {}

  /** @throws NotGranted */
  async ask(wish: Wish): Promise<HttpAnswer> {
    const answers: Answer[] = [];
    let sent = 0;
    let granted: HttpAnswer | undefined;
    try {
      for (const deadline = Date.now() + this.patience; Date.now() < deadline; await sleep(PAUSE_MS)) {
        sent++;
        const answer = await this.send(wish);
        if (!answer) continue;
        answers.push(noted(answer));
        if (TRY_AGAIN.has(answer.status) || isConflict(answer)) continue;
        if (!isAcknowledged(answers.at(-1)!)) break;
        if (granted) return granted;
        granted = answer;
        if (!this.repeats()) return granted;
      }
      if (granted) return granted;
      throw new NotGranted(`${wish.what} (${wish.key}): ${answers.at(-1)?.status ?? 'no answer'}`);
    } finally {
      const { key, what, method } = wish;
      this.notes.asked.push({ key, what, method, partner: this.system.id, sent, answers, announces: granted ? wish.announces(granted) : [] });
    }
  }

  /** Reads until there is what is looked for. @throws NotGranted */
  async find<Found>(path: string, look: (answer: HttpAnswer) => Found | undefined): Promise<Found> {
    for (const deadline = Date.now() + this.patience; Date.now() < deadline; await sleep(PAUSE_MS)) {
      const requestId = randomUUID();
      const answer = await inTime(this.system.get(path, { 'x-request-id': requestId }));
      if (answer?.status !== 200) continue;
      this.notes.seen.push({ requestId, partner: this.system.id, patients: patientsIn(answer) });
      const found = look(answer);
      if (found !== undefined) return found;
    }
    throw new NotGranted(`GET ${path}`);
  }

  private send({ method, path, body, key, headers }: Wish): Promise<HttpAnswer | undefined> {
    const type = method === 'PATCH' ? { 'content-type': 'application/json-patch+json' } : {};
    return inTime(this.system.send(method, path, body, { 'idempotency-key': key, ...type, ...headers }));
  }
}

/** An answer that came as a whole and in time; nothing otherwise. */
async function inTime(answer: Promise<HttpAnswer>): Promise<HttpAnswer | undefined> {
  const timer = new AbortController();
  const late = sleep(ANSWER_WITHIN_MS, undefined, { signal: timer.signal }).catch(() => undefined);
  try {
    return await Promise.race([answer.catch(() => undefined), late]);
  } finally {
    timer.abort();
  }
}

const isConflict = ({ status, body }: HttpAnswer): boolean => status === 409 && body?.issue?.[0]?.code === 'conflict';

interface Entry {
  readonly resource?: Resource;
  readonly response?: { readonly location?: string };
}

export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly meta: { readonly versionId: string };
}

function noted({ status, headers, body }: HttpAnswer): Answer {
  const entries: Entry[] = body?.resourceType === 'Bundle' ? (body.entry as Entry[]) : [{ resource: body as Resource, response: { location: headers.get('location') ?? '' } }];
  return { at: Date.now(), status, changes: status < 300 ? entries.flatMap(changeOf) : [] };
}

/** `…/Task/1/_history/2` and the resource, if it is shown as of that version. */
function changeOf({ response, resource }: Entry): Change[] {
  const [, reference, version] = /([A-Z][A-Za-z]+\/[^/]+)\/_history\/(\d+)$/.exec(response?.location ?? '') ?? [];
  if (reference === undefined) return [];
  return [{ reference, version: Number(version), ...(resource && resource.meta.versionId === version ? { digest: digestOf(resource) } : {}) }];
}

interface Person {
  readonly resourceType: string;
  readonly id: string;
  readonly subject?: { readonly reference?: string };
  readonly patient?: { readonly reference?: string };
  readonly for?: { readonly reference?: string };
}

/** Whose data an answer holds. */
function patientsIn({ body }: HttpAnswer): string[] {
  const resources: Person[] = body.resourceType === 'Bundle' ? ((body.entry ?? []) as { resource: Person }[]).map(({ resource }) => resource) : [body as Person];
  const references = resources.map((one) => (one.resourceType === 'Patient' ? `Patient/${one.id}` : (one.subject ?? one.patient ?? one.for)?.reference));
  return [...new Set(references.filter((reference) => reference !== undefined))];
}

/** Of a resource as JSON. */
export const digestOf = (resource: object): string => createHash('sha256').update(JSON.stringify(resource)).digest('base64url').slice(0, 16);
