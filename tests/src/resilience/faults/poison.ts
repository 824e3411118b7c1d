import type { BatonEvent } from '@baton/contracts';
import { newId } from '@baton/kernel';
import { eventually } from '@baton/testing';
import { administering } from '../../durability/administering.js';
import type { ApartStage } from '../apart-stage.js';
import { since, struck, type Fault, type Outcome } from '../fault.js';
import { contactEvent, CONTACTS, messageOf, put, type Message } from '../foreign-events.js';
import { OnCall } from '../on-call.js';

const EVENTS = 20_000;
const ONE_IN = 100;
/** Events of one contact. */
const OF_ONE = 4;
/** Who listens to contacts, and to how many events of each: consent hears of new ones alone. */
const LISTENERS = [
  { service: 'consent', hears: 1 },
  { service: 'notifications', hears: OF_ONE },
] as const;
const HANDLED_WITHIN_MS = 180_000;

const SPOILT: readonly ((message: Message) => Message)[] = [
  (message) => ({ ...message, value: '{"broken' }),
  (message) => ({ ...message, value: '{"resource":7}' }),
  (message) => ({ ...message, value: null }),
];

interface Plan {
  readonly messages: readonly Message[];
  /** Events that are to be handled by who hears of them. */
  readonly good: readonly BatonEvent[];
  /** Keys of contacts whose first event is poison. */
  readonly poisoned: readonly string[];
}

/** Contacts with a few events each, one after the other; of some the first is spoilt. */
function plan(): Plan {
  const messages: Message[] = [];
  const good: BatonEvent[] = [];
  const poisoned: string[] = [];
  for (let contact = 0; contact < EVENTS / OF_ONE; contact++) {
    const key = newId();
    const spoil = contact % (ONE_IN / OF_ONE) === 0 ? SPOILT[poisoned.push(key) % SPOILT.length] : undefined;
    for (let version = 1; version <= OF_ONE; version++) {
      const event = contactEvent(key, version, {}, `baton.episodes.contact-${version === 1 ? 'recorded' : 'amended'}.v1`);
      messages.push(spoil && version === 1 ? spoil(messageOf(event)) : messageOf(event));
      if (!spoil) good.push(event);
    }
  }
  return { messages, good, poisoned };
}

const handledBy = (home: string, service: string, events: readonly BatonEvent[]): Promise<number> =>
  administering(home, async ({ admin }) => (await admin<{ count: number }>(`SELECT count(*)::int AS count FROM ${service}.inbox WHERE consumer = $1 AND event_id = ANY($2::uuid[])`, [service, events.map(({ id }) => id)]))[0]!.count);

async function poisoned({ home, brokers, system }: Pick<ApartStage, 'home' | 'brokers' | 'system'>): Promise<Outcome> {
  const { messages, good, poisoned: keys } = plan();
  const began = performance.now();
  await put(brokers, messages);
  const broken: string[] = [];
  for (const { service, hears } of LISTENERS) {
    const onCall = new OnCall(system('operator'), service, CONTACTS);
    const heard = good.filter(({ version }) => version <= hears);
    await eventually(async () => (await handledBy(home, service, heard)) === heard.length && (await onCall.shut()).length >= keys.length, { within: HANDLED_WITHIN_MS, every: 500 }).catch(async () => {
      broken.push(`${service} handled ${await handledBy(home, service, heard)} of ${heard.length} good events`);
    });
    const shut = await onCall.shut();
    const wanted = new Set(keys);
    broken.push(...shut.filter(({ key }) => !wanted.has(key)).map(({ key, error }) => `${service} parked ${key} (${error}), which is no poison`));
    if (shut.length !== wanted.size) broken.push(`${service} parked ${shut.length} keys, and ${wanted.size} were poisoned`);
    broken.push(...shut.filter(({ waiting }) => waiting !== hears).map(({ key, waiting }) => `${service} keeps ${waiting} of the ${hears} events of ${key}`));
  }
  const figure = since(began);
  for (const { service } of LISTENERS) await new OnCall(system('operator'), service, CONTACTS).clear();
  const services = LISTENERS.map(({ service }) => service).join(' and ');
  return { figures: [`${good.length} good events were handled and ${keys.length} keys parked by ${services} within ${figure}, and then given up`], broken };
}

export const poison: Fault = {
  name: 'poison',
  does: `${EVENTS} events are put on a topic past Baton, one in ${ONE_IN} of them no JSON, against the schema, or without a value, while young persons go their way.`,
  run: () => struck({ restsWithin: 120_000 }, (stage) => poisoned({ home: stage.home, brokers: stage.brokers, system: (partner) => stage.system(partner) })),
};
