import { checkEndpointUrl, type EgressPolicy, type Sealer } from '@baton/access';
import type { Resource, Subscription } from '@baton/fhir';
import type { Amendment, Draft, Ruling, TypeRules } from '@baton/fhir-store';
import { refuseIfAny, type Caller, type Violation } from '@baton/kernel';
import type { Fragment, Tx } from '@baton/postgres';
import { restoreHeaders, withSealedHeaders } from './channel-headers.js';
import { firstSecret } from './signing.store.js';
import { readSubscription } from './subscription.fhir.js';
import { statusAfter, type SubscriptionSettings, type SubscriptionStatus } from './subscription.js';
import { changedSubscription, endedSubscription, newSubscription, resumed } from './subscription.store.js';
import { wake } from './wake.js';

/** What judging a Subscription takes. */
export interface SubscriptionNeeds {
  readonly sealer: Sealer;
  readonly egress: EgressPolicy;
}

/**
 * Subscription: visible to its owner alone, stored `requested` and active after the handshake.
 *
 * @param needs asked for at each use: the sealer and the egress policy are there once the process has started
 */
export function subscriptionRules(needs: () => SubscriptionNeeds): TypeRules {
  return {
    type: 'Subscription',
    schema: 'notifications',
    reveal: (body) => restoreHeaders(needs().sealer, body),
    create: (tx, caller, draft) => create(needs(), tx, caller, draft),
    update: (tx, caller, amendment) => update(needs(), tx, caller, amendment),
    remove: async (_tx, _caller, current) => ({ rows: endedSubscription(current.id) }),
  };
}

async function create(needs: SubscriptionNeeds, tx: Tx, caller: Caller, { id, resource }: Draft): Promise<Ruling> {
  const settings = await settingsOf(needs, resource);
  refuseIfAny('rule-broken', endViolations(settings, tx.now));
  const sealed = withSealedHeaders(needs.sealer, id, resource);
  tx.afterCommit(() => wake('handshakes'));
  return {
    resource: { ...sealed, status: 'requested' },
    rows: {
      subscription_row: newSubscription(id, caller.partner, settings, headersOf(sealed)),
      first_secret: firstSecret(needs.sealer, caller.partner),
    },
  };
}

async function update(needs: SubscriptionNeeds, tx: Tx, _caller: Caller, { current, before, resource }: Amendment): Promise<Ruling> {
  const settings = await settingsOf(needs, resource);
  const was = before as unknown as Subscription;
  const status = statusAfter(was.status, (resource as unknown as Subscription).status, was.channel.endpoint !== settings.endpoint);
  refuseIfAny('rule-broken', [...(status ? [] : [statusViolation(was.status)]), ...(status === 'off' ? [] : endViolations(settings, tx.now))]);
  const sealed = withSealedHeaders(needs.sealer, current.id, resource);
  tx.afterCommit(() => wake(status === 'requested' ? 'handshakes' : 'deliveries'));
  return { resource: { ...sealed, status: status! }, rows: rowsFor(current.id, was.status, status!, settings, headersOf(sealed)) };
}

function rowsFor(id: string, before: SubscriptionStatus, status: SubscriptionStatus, settings: SubscriptionSettings, headers: readonly string[]): Record<string, Fragment> {
  const row = changedSubscription(id, status, settings, headers);
  if (status === 'off') {
    const { subscription_ended: _same, ...given } = endedSubscription(id);
    return { subscription_row: row, ...given };
  }
  return { subscription_row: row, ...(status === 'active' && before === 'error' ? resumed(id) : {}) };
}

async function settingsOf({ egress }: SubscriptionNeeds, resource: Resource): Promise<SubscriptionSettings> {
  const read = readSubscription(resource);
  const endpoint = (resource as unknown as Subscription).channel.endpoint;
  const address = endpoint === undefined ? [] : await checkEndpointUrl(endpoint, egress, { at: 'Subscription.channel.endpoint' });
  refuseIfAny('rule-broken', [...('violations' in read ? read.violations : []), ...address.map((violation) => ({ code: 'value', ...violation }))]);
  return (read as { settings: SubscriptionSettings }).settings;
}

const headersOf = (resource: Resource): readonly string[] => (resource as unknown as Subscription).channel.header ?? [];

const endViolations = ({ end }: SubscriptionSettings, now: Date): Violation[] =>
  end === undefined || end > now ? [] : [{ rule: 'subscription-end-past', says: 'A subscription ends in the future.', at: ['Subscription.end'], code: 'value' }];

const statusViolation = (before: SubscriptionStatus): Violation => ({
  rule: 'subscription-status-not-allowed',
  says: `The subscription is ${before}; set it to requested (a new handshake), ${before === 'off' ? '' : 'active (go on) '}or off.`,
  at: ['Subscription.status'],
  code: 'business-rule',
});
