import { digestOf, type Resource } from './careful-partner.js';
import type { Listed, Shown, Subscriber } from './history.js';
import type { PartnerSystem } from '../partner-system.js';
import type { RecordingReceiver } from './receivers.js';

interface Entry {
  readonly resource?: Resource;
  readonly response?: { readonly etag?: string };
}

interface Link {
  readonly relation: string;
  readonly url: string;
}

/** Reads a Bundle page after page. @throws if an answer is not 200 */
async function pages(system: PartnerSystem, path: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const { status, body, text } = await system.get(next);
    if (status !== 200) throw new Error(`GET ${next} was answered ${status}: ${text}`);
    entries.push(...((body.entry ?? []) as Entry[]));
    const url = (body.link as Link[] | undefined)?.find(({ relation }) => relation === 'next')?.url;
    next = url?.slice(url.indexOf('/fhir/R4/') + '/fhir/R4/'.length);
  }
  return entries;
}

/** Every resource of a type that a partner finds, each with its versions. */
export async function shownTo(system: PartnerSystem, type: string, byBaton = false): Promise<Shown[]> {
  const found = (await pages(system, `${type}?_count=200`)).map(({ resource }) => resource!);
  const shown: Shown[] = [];
  for (let from = 0; from < found.length; from += 8) shown.push(...(await Promise.all(found.slice(from, from + 8).map((resource) => historyOf(system, resource, byBaton)))));
  return shown;
}

async function historyOf(system: PartnerSystem, resource: Resource, byBaton: boolean): Promise<Shown> {
  const reference = `${resource.resourceType}/${resource.id}`;
  if (resource.meta.versionId === '1') return { reference, byBaton, versions: [{ version: 1, digest: digestOf(resource) }] };
  const versions = (await pages(system, `${reference}/_history`)).reverse();
  return { reference, byBaton, versions: versions.map((entry) => ({ version: Number(entry.resource!.meta.versionId), digest: digestOf(entry.resource!) })) };
}

/** The partner's own list of a subscription's events, oldest first. */
export async function listedFor({ name, partner: { system }, subscription }: RecordingReceiver): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (let after: string | undefined; ; ) {
    const { body } = await system.get(`/api/notifications/v1/deliveries?subscription=${subscription}&limit=200${after === undefined ? '' : `&after=${after}`}`);
    const page = body.deliveries as { id: string; number: number; kind: string; event: string; focus?: string; occurred: string; state: string }[];
    listed.push(...page.map(({ id, subscription: _own, ...rest }: (typeof page)[number] & { subscription?: string }) => ({ subscription: name, webhookId: `msg_${id}`, ...rest })));
    if (page.length < 200) return listed.reverse();
    after = page.at(-1)!.id;
  }
}

/** How many events a subscription counts. */
export async function subscriberOf({ name, partner: { system }, subscription }: RecordingReceiver): Promise<Subscriber> {
  const { body } = await system.get(`Subscription/${subscription}/$status`);
  const parameters = body.entry[0].resource.parameter as { name: string; valueString?: string }[];
  return { name, partner: system.id, total: Number(parameters.find((one) => one.name === 'events-since-subscription-start')?.valueString) };
}

/** Gauges that are 0 when nothing is left to do. */
const AT_REST = [
  'baton_outbox_age_seconds',
  'baton_events_held_back',
  'baton_consumer_lag_events',
  'baton_parked_keys',
  'baton_delivery_queue_age_seconds',
  'baton_delivery_parked_keys',
  'baton_delivery_alarms',
  'baton_subscriptions_in_error',
];

/** @param text of /metrics, of several processes perhaps: then the highest counts @throws if a gauge is missing: what is not measured is not at rest */
export function gaugesAtRest(text: string): Record<string, number> {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  const gauges: Record<string, number> = {};
  for (const name of AT_REST) {
    const of = lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (of.length === 0) throw new Error(`/metrics shows no ${name}`);
    for (const line of of) {
      const at = line.lastIndexOf(' ');
      const gauge = line.slice(0, at);
      gauges[gauge] = Math.max(gauges[gauge] ?? 0, Number(line.slice(at + 1)));
    }
  }
  return gauges;
}
