import { CATEGORY, RESOURCE_TYPES } from '@baton/contracts';
import { idOf, parseDate, type Coding, type ConsentProvision } from '@baton/fhir';
import { startOfLondonDay, type Violation } from '@baton/kernel';
import { ACT_REASON, PARTICIPATION, RESOURCE_TYPE_SYSTEM } from './consent-codes.js';
import { categoryOfItem, OPENABLE, type Openable, type Scope } from './decision.js';

/** A recipient as it is named: a partner by its Organization, or a service, which means whoever provides and delivers it. */
export type Recipient = { readonly at: string } & ({ readonly partner: string } | { readonly service: string });

/** Notes what cannot be read: the rule, what would be right, where, and the code (`not-supported` if left out). */
export type Note = (rule: string, says: string, at: string, code?: string) => void;

/** A note that collects. */
export const noting = (violations: Violation[]): Note => (rule, says, at, code = 'not-supported') => void violations.push({ rule, says, at: [at], code });

/** Elements that narrow or widen a provision in ways Baton does not enforce: refused, never ignored. */
const UNREAD = ['code', 'securityLabel', 'dataPeriod', 'action', 'modifierExtension'] as const;

export function noteUnread(provision: ConsentProvision, at: string, note: Note, more: readonly string[] = []): void {
  for (const element of [...UNREAD, ...more]) {
    if (Object.hasOwn(provision, element)) note('provision-not-supported', `Baton does not enforce ${element} here; it would mean something else than it says.`, `${at}.${element}`);
  }
}

/** Whom `provision.actor` names. Only recipients are read: Baton decides who sees, whoever holds. */
export function readRecipients(provision: ConsentProvision, at: string, note: Note): Recipient[] {
  return (provision.actor ?? []).flatMap((actor, i): Recipient[] => {
    const place = `${at}.actor[${i}]`;
    const isRecipient = actor.role.coding?.some(({ system, code }) => system === PARTICIPATION && (code === 'IRCP' || code === 'PRCP'));
    if (!isRecipient) note('actor-role-not-supported', 'An actor is a recipient here: role IRCP of v3-ParticipationType.', `${place}.role`);
    const partner = idOf(actor.reference.reference, 'Organization');
    if (partner !== undefined) return [{ partner, at: `${place}.reference` }];
    const service = idOf(actor.reference.reference, 'HealthcareService');
    if (service !== undefined) return [{ service, at: `${place}.reference` }];
    note('recipient-not-supported', "A recipient is a partner's Organization or a HealthcareService; Baton shows nothing to others, carers among them.", `${place}.reference`);
    return [];
  });
}

/** What the provision is about, and within which referral. */
export function readScope(provision: ConsentProvision, at: string, note: Note): { scope: Scope; context?: string } {
  const categories = readClasses(provision.class ?? [], `${at}.class`, note);
  const items: string[] = [];
  const contexts: string[] = [];
  (provision.data ?? []).forEach(({ meaning, reference }, i) => {
    const place = `${at}.data[${i}]`;
    const item = reference.reference ?? '';
    const referral = idOf(item, 'ServiceRequest');
    if (meaning === 'instance' && categoryOfItem(item) && idOf(item, item.split('/')[0]!) !== undefined) items.push(item.split('/').slice(0, 2).join('/'));
    else if (meaning === 'related' && referral !== undefined) contexts.push(referral);
    else note('data-not-supported', 'data names a resource itself (meaning instance), or a ServiceRequest with all that belongs to it (meaning related).', place);
  });
  if (contexts.length > 1) note('data-not-supported', 'A decision is about one referral, or about all.', `${at}.data`, 'business-rule');
  if (items.length > 0 && (contexts.length > 0 || categories.length > 0)) note('data-not-supported', 'A decision names single resources, or categories and a referral; not both.', `${at}.data`);
  const scope: Scope = items.length > 0 ? { kind: 'items', items } : (provision.class ?? []).length > 0 ? { kind: 'categories', categories } : { kind: 'record' };
  return { scope, ...(contexts[0] === undefined ? {} : { context: contexts[0] }) };
}

/** FHIR types of a category: a decision opens or refuses all of them together. */
const typesOf = (category: Openable): string[] => Object.entries(RESOURCE_TYPES).filter(([, contract]) => contract.category === category).map(([type]) => type);

function readClasses(classes: readonly Coding[], at: string, note: Note): Openable[] {
  const codes = (system: string) => classes.filter((each) => each.system === system).map(({ code }) => code ?? '');
  const types = codes(RESOURCE_TYPE_SYSTEM);
  const named = codes(CATEGORY.system);
  classes.forEach(({ system, code }, i) => {
    const known = system === RESOURCE_TYPE_SYSTEM ? categoryOfItem(code ?? '') : system === CATEGORY.system ? OPENABLE.find((each) => each === code) : undefined;
    if (!known) note('class-not-supported', `A class is a resource type that decisions open, or one of ${OPENABLE.join(', ')}.`, `${at}[${i}]`);
  });
  return OPENABLE.filter((category) => {
    if (named.includes(category)) return true;
    const all = typesOf(category);
    const given = all.filter((type) => types.includes(type));
    if (given.length > 0 && given.length < all.length) note('class-incomplete', `${all.join(' and ')} are opened and refused together: name all of them.`, at, 'required');
    return given.length > 0;
  });
}

/** Baton shares for care: any other purpose would be enforced as if it were care. */
export function readPurpose(provision: ConsentProvision, at: string, note: Note): void {
  (provision.purpose ?? []).forEach(({ system, code }, i) => {
    if (system !== ACT_REASON || code !== 'TREAT') note('purpose-not-supported', 'Baton shares for direct care only: purpose TREAT of v3-ActReason, or none.', `${at}.purpose[${i}]`);
  });
}

/** When it holds. A date alone means the whole day in London, first and last included. */
export function readPeriod(provision: ConsentProvision, at: string, note: Note): { from?: Date; until?: Date } {
  const { start, end } = provision.period ?? {};
  const from = start === undefined ? undefined : boundsOf(start)?.first;
  const until = end === undefined ? undefined : boundsOf(end)?.after;
  if (from && until && from >= until) note('period-empty', 'The period ends before it begins.', `${at}.period`, 'invariant');
  return { ...(from ? { from } : {}), ...(until ? { until } : {}) };
}

/** First instant a FHIR date or dateTime may mean, and the first after the last; days are those of London. */
export function boundsOf(text: string): { first: Date; after: Date } | undefined {
  const parts = parseDate(text);
  if (!parts) return undefined;
  const whole = parts.precision === 'year' || parts.precision === 'month' || parts.precision === 'day';
  const instant = (ms: number): Date => (whole ? startOfLondonDay(new Date(ms).toISOString().slice(0, 10)) : new Date(ms));
  return { first: instant(parts.low), after: instant(parts.high) };
}
