import { topicOf, TOPICS, type Topic } from '@baton/contracts';
import type { Extension, Resource, Subscription } from '@baton/fhir';
import type { Violation } from '@baton/kernel';
import { headerViolations } from './channel-headers.js';
import { CONTENTS, type Content, type SubscriptionSettings } from './subscription.js';
import { readFilters, type Filter } from './topic-filter.js';

/** R5 Subscriptions Backport 1.1.0. */
export const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport';
const extensionUrl = (name: string): string => `${BACKPORT}/StructureDefinition/${name}`;

const PAYLOADS = ['application/fhir+json', 'application/json'];
const TIMEOUT_AT_MOST = 60;

type Read<T> = { readonly value: T } | { readonly violations: Violation[] };

/**
 * What a Subscription asks for, or every reason why Baton cannot do it. Whether the endpoint may be connected to is not asked here.
 */
export function readSubscription(resource: Resource): { settings: SubscriptionSettings } | { violations: Violation[] } {
  const subscription = resource as unknown as Subscription & { _criteria?: { extension?: Extension[] } };
  const { channel } = subscription;
  const topic = topicOf(subscription.criteria);
  const content = readContent(subscription);
  const filters = topic ? readAllFilters(topic, subscription._criteria?.extension ?? []) : { value: [] };
  const numbers = readNumbers(channel.extension ?? []);
  const end = subscription.end === undefined ? undefined : new Date(subscription.end);
  const violations = [
    ...(topic ? [] : [broken('topic-unknown', `Baton has no such topic; it offers ${TOPICS.map(({ canonical }) => canonical).join(', ')}.`, 'Subscription.criteria')]),
    ...violationsOf(filters),
    ...channelViolations(subscription),
    ...violationsOf(content),
    ...violationsOf(numbers),
    ...headerViolations(channel.header ?? []),
  ];
  if (violations.length > 0 || !topic || 'violations' in content || 'violations' in filters || 'violations' in numbers) return { violations };
  return {
    settings: {
      topic: topic.name,
      canonical: subscription.criteria,
      filters: filters.value,
      endpoint: channel.endpoint!,
      content: content.value,
      payload: channel.payload ?? PAYLOADS[0]!,
      headers: channel.header ?? [],
      ...numbers.value,
      ...(end ? { end } : {}),
    },
  };
}

const violationsOf = (read: Read<unknown>): Violation[] => ('violations' in read ? read.violations : []);

const broken = (rule: string, says: string, at: string, code = 'not-supported'): Violation => ({ rule, says, at: [at], code });

function channelViolations({ channel }: Subscription): Violation[] {
  const other = channel.type !== 'rest-hook' || extensionsOf((channel as { _type?: { extension?: Extension[] } })._type, 'backport-channel-type').length > 0;
  return [
    ...(other ? [broken('channel-type-not-offered', 'Baton notifies by rest-hook.', 'Subscription.channel.type')] : []),
    ...(channel.endpoint === undefined ? [broken('endpoint-missing', 'Say where notifications go.', 'Subscription.channel.endpoint', 'required')] : []),
    ...(channel.payload === undefined || PAYLOADS.includes(channel.payload.split(';')[0]!.trim())
      ? []
      : [broken('payload-not-offered', `Notifications are sent as ${PAYLOADS.join(' or ')}.`, 'Subscription.channel.payload')]),
  ];
}

function readContent({ channel }: Subscription): Read<Content> {
  const at = 'Subscription.channel.payload';
  const found = extensionsOf((channel as { _payload?: { extension?: Extension[] } })._payload, 'backport-payload-content');
  if (found.length !== 1) return { violations: [broken('payload-content-missing', `Say once how much a notification holds: extension backport-payload-content, ${CONTENTS.join(', ')}.`, at, 'required')] };
  const content = CONTENTS.find((one) => one === found[0]!.valueCode);
  return content ? { value: content } : { violations: [broken('payload-content-not-offered', `A notification holds ${CONTENTS.join(', ')}.`, at, 'code-invalid')] };
}

function readAllFilters(topic: Topic, extensions: readonly Extension[]): Read<Filter[]> {
  const value: Filter[] = [];
  const violations: Violation[] = [];
  for (const [index, extension] of extensions.entries()) {
    if (extension.url !== extensionUrl('backport-filter-criteria')) continue;
    const filters = readFilters(topic, extension.valueString ?? '');
    if (filters) value.push(...filters);
    else violations.push(broken('filter-unknown', `The topic can be narrowed by ${topic.filters.map(({ name }) => name).join(', ')}.`, `Subscription.criteria.extension[${index}]`));
  }
  return violations.length > 0 ? { violations } : { value };
}

function readNumbers(extensions: readonly Extension[]): Read<Pick<SubscriptionSettings, 'heartbeatSeconds' | 'timeoutSeconds' | 'maxCount'>> {
  const violations: Violation[] = [];
  const number = (name: string, highest: number): number | undefined => {
    const [found] = extensionsOf({ extension: [...extensions] }, name);
    if (!found) return undefined;
    const value = found.valueUnsignedInt ?? found.valuePositiveInt;
    if (value !== undefined && Number.isInteger(value) && value >= 1 && value <= highest) return value;
    violations.push(broken(`${name}-out-of-range`, `${name} is a number from 1 to ${highest}.`, 'Subscription.channel', 'value'));
    return undefined;
  };
  const heartbeatSeconds = number('backport-heartbeat-period', 86_400);
  const timeoutSeconds = number('backport-timeout', TIMEOUT_AT_MOST);
  const maxCount = number('backport-max-count', 2_147_483_647);
  if (violations.length > 0) return { violations };
  return { value: { ...(heartbeatSeconds ? { heartbeatSeconds } : {}), ...(timeoutSeconds ? { timeoutSeconds } : {}), ...(maxCount ? { maxCount } : {}) } };
}

const extensionsOf = (element: { extension?: Extension[] } | undefined, name: string): Extension[] => (element?.extension ?? []).filter(({ url }) => url === extensionUrl(name));
