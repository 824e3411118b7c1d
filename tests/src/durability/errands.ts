import { exampleReferral } from '@baton/standalone';
import type { ReceivedWebhook, WebhookReceiver } from '@baton/testing';
import type { Answer, PartnerSystem } from '../partner-system.js';
import { arrival, deliveries, insist, is, numbersIn, refer, subscribe, typeOf, type Delivery } from './errand-partner.js';
import { messageEndpoint, referralMessage } from './errand-message.js';
import { OnCall, tamper, TOPIC } from './errand-operator.js';
import { derivedAgain } from './observe-projections.js';
import type { ErrandName } from './points.js';
import { consent } from '../stories/records.js';

/** Who runs an errand, and what tells this run from others. */
export interface Runner {
  readonly system: (partner: string) => PartnerSystem;
  /** A new one, which stays as long as the home: what others do is told to it too. */
  readonly receiver: () => Promise<WebhookReceiver>;
  /** Another number, another run: keys and young persons follow from it. */
  readonly run: number;
  /** Where Baton keeps its data. */
  readonly home: string;
}

/**
 * Something a partner wants that the usual way does not touch. It comes to its end in spite of kills, and of others that are run at the same time
 * on the same home, or throws what did not come true.
 */
export type Errand = (runner: Runner) => Promise<void>;

const about =
  (request: string) =>
  (told: ReceivedWebhook | Delivery): boolean =>
    'body' in told ? told.body.includes(`ServiceRequest/${request}`) : told.focus === `ServiceRequest/${request}`;

function expectThat(holds: boolean, says: string): void {
  if (!holds) throw new Error(says);
}

const idsOf = (webhooks: readonly ReceivedWebhook[]): string[] => [...new Set(webhooks.map(({ headers }) => String(headers['webhook-id'])))];

const oneId = (webhooks: readonly ReceivedWebhook[]): void => {
  const ids = idsOf(webhooks);
  expectThat(ids.length === 1, `one event came under the ids ${ids.join(', ')}`);
};

/** However often an event came: under one id. */
const oneIdEach = ({ received }: WebhookReceiver): void => {
  for (const number of new Set(received.flatMap(numbersIn))) oneId(received.filter((webhook) => numbersIn(webhook).includes(number)));
};

/** A secret, a handshake, a first event: there is one subscription, and it works. */
const subscribing: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, receiver] = [system('rapid-response'), await open()];
  await insist('get a secret', () => referrer.post('/api/notifications/v1/signing-secrets', {}, { 'content-type': 'application/json' }), is(201));
  const id = await subscribe(referrer, receiver, `subscribe-${run}`);
  const { request } = await refer(referrer, `refer-${run}`, run);
  await arrival(receiver, about(request));
  oneIdEach(receiver);
  const { body } = await insist('list subscriptions', () => referrer.get('Subscription?_count=200'), is(200));
  const same = body.entry.filter(({ resource }: { resource: { channel: { endpoint: string } } }) => resource.channel.endpoint === receiver.url);
  expectThat(same.length === 1, `there are ${same.length} subscriptions instead of ${id} alone`);
};

/** Signs of life go on and count as nothing. */
const heartbeat: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, receiver] = [system('rapid-response'), await open()];
  const id = await subscribe(referrer, receiver, `beat-${run}`, { topic: 'care-plan', heartbeat: 1 });
  await arrival(receiver, (webhook) => typeOf(webhook) === 'heartbeat', 3);
  const { text } = await insist('ask for the status', () => referrer.get(`Subscription/${id}/$status`), is(200));
  expectThat(text.includes('"name":"events-since-subscription-start","valueString":"0"'), `heartbeats were counted: ${text}`);
};

/** A subscription is off once its time is over. */
const ending: Errand = async ({ system, receiver, run }) => {
  const referrer = system('rapid-response');
  const id = await subscribe(referrer, await receiver(), `end-${run}`, { end: 2 });
  const { body } = await insist('end', () => referrer.get(`Subscription/${id}`), ({ body: now }) => now?.status === 'off');
  expectThat(body.meta.versionId === '3' || body.meta.versionId === '2', `it ended as version ${body.meta.versionId}`);
};

/** An endpoint that is busy is told again. */
const busyEndpoint: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, receiver] = [system('rapid-response'), await open()];
  const id = await subscribe(referrer, receiver, `busy-${run}`);
  // Twice would mean minutes.
  receiver.answerAlways(({ headers }) => ({ status: receiver.received.filter((one) => one.headers['webhook-id'] === headers['webhook-id']).length > 1 ? 200 : 503 }));
  const { request } = await refer(referrer, `refer-${run}`, run);
  await deliveries(referrer, id, 'be delivered', (all) => all.some(about(request)) && all.filter(about(request)).every(({ state }) => state === 'delivered'));
  receiver.answerAlways({ status: 200 });
  const told = receiver.received.filter(about(request));
  expectThat(told.length > idsOf(told).length, 'it was not told again');
  oneIdEach(receiver);
};

/** What an endpoint refuses is parked; redriven it arrives, and sent again it arrives again, always as the same event. */
const refusingEndpoint: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, receiver] = [system('rapid-response'), await open()];
  const id = await subscribe(referrer, receiver, `refusing-${run}`);
  receiver.answerAlways({ status: 400 });
  const { request } = await refer(referrer, `refer-${run}`, run);
  const parked = await deliveries(referrer, id, 'be parked', (all) => all.some((one) => about(request)(one) && one.state === 'parked'));
  receiver.answerAlways({ status: 200 });
  const redrive = async (): Promise<Answer> => {
    await referrer.post(`/api/notifications/v1/subscriptions/${id}/redrive`, {}, { 'content-type': 'application/json' });
    return referrer.get(`/api/notifications/v1/deliveries?subscription=${id}&state=parked`);
  };
  await insist('redrive', redrive, ({ body }) => body?.deliveries?.length === 0);
  const delivered = () => deliveries(referrer, id, 'be delivered', (all) => all.every(({ state }) => state === 'delivered'));
  await delivered();
  const before = receiver.received.filter(about(request)).length;
  await insist('resend', () => referrer.post(`/api/notifications/v1/deliveries/${parked.find(about(request))!.id}/resend`, {}, { 'content-type': 'application/json' }), is(202));
  await arrival(receiver, about(request), before + 1);
  await delivered();
  oneIdEach(receiver);
};

/** An endpoint that is gone stops the subscription; asked for anew, it goes on with what it has not had. */
const goneEndpoint: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, receiver] = [system('rapid-response'), await open()];
  const id = await subscribe(referrer, receiver, `gone-${run}`);
  receiver.answerAlways({ status: 410 });
  const { request } = await refer(referrer, `refer-${run}`, run);
  await insist('be in error', () => referrer.get(`Subscription/${id}`), ({ body }) => body?.status === 'error');
  receiver.answerAlways({ status: 200 });
  const before = [...receiver.received];
  const again = [{ op: 'replace', path: '/status', value: 'requested' }];
  await insist('ask anew', () => referrer.patch(`Subscription/${id}`, again, { 'idempotency-key': `again-${run}` }), is(200));
  await arrival(receiver, (webhook) => !before.includes(webhook) && about(request)(webhook));
  expectThat(receiver.received.slice(before.length).some((webhook) => typeOf(webhook) === 'handshake'), 'no handshake came');
  oneIdEach(receiver);
};

/** What happened can be asked for. */
const asking: Errand = async ({ system, receiver, run }) => {
  const referrer = system('rapid-response');
  const id = await subscribe(referrer, await receiver(), `ask-${run}`);
  const { request } = await refer(referrer, `refer-${run}`, run);
  await insist('find the referral among the events', () => referrer.get(`Subscription/${id}/$events`), ({ status, text }) => status === 200 && text.includes(`ServiceRequest/${request}`));
};

/** Sharing is refused after all: the receiver is told so once, sees nothing more, and the referral ends. */
const withdrawing: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, safeZones, receiver] = [system('rapid-response'), system('safe-zones'), await open()];
  const id = await subscribe(safeZones, receiver, `withdraw-${run}`);
  const { patient, request } = await refer(referrer, `refer-${run}`, run);
  await arrival(receiver, about(request));
  const deny = { ...consent(patient, { effect: 'deny' }), dateTime: '2026-01-05T10:00:00Z' };
  await insist('refuse', () => referrer.post('Consent', deny, { 'idempotency-key': `deny-${run}` }), is(201));
  await insist('see nothing', () => safeZones.get(`ServiceRequest/${request}`), is(404));
  await insist('be cancelled', () => referrer.get(`Task?focus=ServiceRequest/${request}`), ({ body }) => body?.entry?.[0]?.resource?.status === 'cancelled');
  await arrival(receiver, (webhook) => about(request)(webhook) && webhook.body.includes('access-lost'));
  const losses = (await deliveries(safeZones, id, 'list', () => true)).filter((one) => one.kind === 'access-lost' && about(request)(one));
  expectThat(losses.length === 1, `the loss was told as ${losses.length} events`);
};

/** Too old for the service: refused with the reason, nothing stored, and counted. */
const notEligible: Errand = async ({ system, run }) => {
  const referrer = system('rapid-response');
  const bundle = exampleReferral({ index: run, seed: 7, today: new Date() });
  const person = bundle.entry![0]!.resource as unknown as { birthDate: string; identifier: { value: string }[] };
  person.birthDate = '1980-05-05';
  await insist('be refused', () => referrer.post('', bundle, { 'idempotency-key': `not-eligible-${run}` }), is(422));
  const { body } = await insist('look for the young person', () => referrer.get(`Patient?identifier=${person.identifier[0]!.value}`), is(200));
  expectThat(body.total === 0, 'something was stored of a referral that was refused');
};

/** Sharing is refused from a moment on that is yet to come: when it comes, nobody has to do anything. */
const refusedLater: Errand = async ({ system, run }) => {
  const referrer = system('rapid-response');
  const { patient, request } = await refer(referrer, `refer-${run}`, run);
  await insist('see it', () => system('safe-zones').get(`ServiceRequest/${request}`), is(200));
  const deny = consent(patient, { effect: 'deny' }) as unknown as { provision: object };
  const later = { ...deny, provision: { ...deny.provision, period: { start: new Date(Date.now() + 2_000).toISOString() } } };
  await insist('refuse', () => referrer.post('Consent', later, { 'idempotency-key': `later-${run}` }), is(201));
  await insist('be cancelled', () => referrer.get(`Task?focus=ServiceRequest/${request}`), ({ body }) => body?.entry?.[0]?.resource?.status === 'cancelled');
  await insist('see nothing', () => system('safe-zones').get(`ServiceRequest/${request}`), is(404));
};

/** A referral message is carried out once; the decision comes back as one message, and as the same one if it is sent again. */
const messaging: Errand = async ({ system, receiver: open, run }) => {
  const [sender, team, receiver] = [system('ambulance-control'), system('adult-crisis'), await open()];
  await insist('register', () => sender.post('Endpoint', messageEndpoint(receiver.url), { 'idempotency-key': `endpoint-${run}` }), is(201));
  const { message, headers } = referralMessage(run);
  await insist('send the message', () => sender.post('$process-message', message, headers), ({ status, text }) => status === 200 || (status === 409 && text.includes('"duplicate"')));
  const { body } = await insist('see the referral', () => team.get('Task'), ({ body: found }) => found?.total > 0);
  expectThat(body.total === 1, `one message led to ${body.total} referrals`);
  const accept = [{ op: 'replace', path: '/status', value: 'accepted' }];
  await insist('accept', () => team.patch(`Task/${body.entry[0].resource.id}`, accept, { 'idempotency-key': `accept-${run}` }), is(200));
  await arrival(receiver, () => true);
  const path = '/api/notifications/v1/messages';
  const sent = await insist('be delivered', () => sender.get(path), ({ body: now }) => now?.messages?.[0]?.state === 'delivered');
  expectThat(sent.body.messages.length === 1, `one decision led to ${sent.body.messages.length} messages`);
  const before = receiver.received.length;
  await insist('resend', () => sender.post(`${path}/${sent.body.messages[0].id}/resend`, {}, { 'content-type': 'application/json' }), is(202));
  await arrival(receiver, () => true, before + 1);
  oneId(receiver.received);
};

/** Two events of one key that no handler can take, where nothing was written of them before. */
const BROKEN = `INSERT INTO referrals.outbox (event_id, topic, key, type, version, correlation_id, causation_id, data)
  SELECT md5($1 || nth)::uuid, '${TOPIC}', $1, 'baton.referrals.referral-requested.v1', nth, 'c', 'c', '{"broken":true}' FROM generate_series(1, 2) AS nth
  WHERE NOT EXISTS (SELECT FROM referrals.outbox WHERE key = $1) AND NOT EXISTS (SELECT FROM referrals.log WHERE key = $1)`;

/** As a handler that failed leaves it. */
const SHUT = `INSERT INTO notifications.parked_key (consumer, topic, key, error, attempts) VALUES ('notifications', '${TOPIC}', $1, 'Poison', 3) ON CONFLICT DO NOTHING`;

/** What cannot be applied is parked, retried, given up, restored and given up for good; what can be applied again is, once. */
const parking: Errand = async ({ system, receiver: open, run, home }) => {
  const [referrer, safeZones] = [system('rapid-response'), system('safe-zones')];
  const key = `broken-${run}`;
  const [inConsent, inNotifications] = [new OnCall(system('operator'), 'consent'), new OnCall(system('operator'), 'notifications')];
  await tamper(home, BROKEN, [key]);
  const { body } = await inConsent.sees('be parked', key, ({ body: now }) => now?.waiting === 2);
  const [first, second] = body.events.map(({ id }: { id: string }) => `parked/${TOPIC}/${key}/events/${id}/discard`) as [string, string];
  const because = { reason: 'an errand' };
  await inConsent.does('be tried again', 'parked/retries', { topic: TOPIC, key }, key, ({ body: now }) => now?.attempts >= 2);
  await inConsent.does('give the first up', first, because, key, ({ body: now }) => now?.error === 'Waiting');
  await inConsent.does('take it back', `discarded/${body.events[0].id}/restore`, {}, key, ({ body: now }) => now?.waiting === 2 && now.events[0].id === body.events[0].id);
  await inConsent.does('give the first up again', first, because, key, ({ body: now }) => now?.waiting === 1);
  await inConsent.does('give up the second', second, because, key, is(404));
  const discarded = await inConsent.discardedOf(key);
  expectThat(discarded.length === 2, `two events were given up and ${discarded.length} are listed`);
  await inNotifications.sees('be parked there too', key, ({ body: now }) => now?.waiting === 2);
  await inNotifications.does('give up the group', 'parked/discards', { topic: TOPIC, error: 'WrongSchema: dataref, named, pathway, patient, priority, …', ...because }, key, ({ status, body: now }) => status === 404 || now?.error === 'Waiting');
  await inNotifications.does('try the rest', 'parked/retries', { topic: TOPIC, key }, key, ({ status, body: now }) => status === 404 || now?.error !== 'Waiting');
  await inNotifications.does('give up the rest', 'parked/discards', { topic: TOPIC, ...because }, key, is(404));

  const receiver = await open();
  const id = await subscribe(referrer, receiver, `park-${run}`);
  const { request } = await refer(referrer, `refer-${run}`, run);
  await arrival(receiver, about(request));
  await tamper(home, SHUT, [request]);
  const { body: found } = await insist('see the referral', () => safeZones.get(`Task?focus=ServiceRequest/${request}`), ({ body: now }) => now?.total === 1);
  const accept = [{ op: 'replace', path: '/status', value: 'accepted' }];
  await insist('accept', () => safeZones.patch(`Task/${found.entry[0].resource.id}`, accept, { 'idempotency-key': `accept-${run}` }), is(200));
  await inNotifications.sees('wait', request, ({ body: now }) => now?.waiting >= 1);
  await inNotifications.does('go on', 'parked/retries', { topic: TOPIC, key: request }, request, is(404));
  const acceptance = (one: Delivery): boolean => about(request)(one) && one.event === 'baton.referrals.referral-accepted.v1';
  const all = await deliveries(referrer, id, 'be told', (now) => now.some((one) => acceptance(one) && one.state === 'delivered'));
  expectThat(all.filter(acceptance).length === 1, `that it was accepted was told as ${all.filter(acceptance).length} events`);
  oneIdEach(receiver);
};

/** What went astray in the search index and in who may see what, as no service of Baton would do it. */
const ASTRAY = [
  `DELETE FROM referrals.search WHERE type = 'ServiceRequest' AND id = $1`,
  `DELETE FROM consent.access WHERE context = $1`,
];

/** A referral that can neither be found nor seen any more is found and seen again once both are derived anew; a rebuild that died is begun again. (That nothing is astray in the end is judged of the home.) */
const rebuilding: Errand = async ({ system, run, home }) => {
  const [referrer, safeZones, operator] = [system('rapid-response'), system('safe-zones'), system('operator')];
  const { request, patient } = await refer(referrer, `refer-${run}`, run);
  const found = (whose: PartnerSystem) => whose.get(`ServiceRequest?patient=${patient}&status=active`);
  await insist('see it', () => safeZones.get(`ServiceRequest/${request}`), is(200));
  for (const text of ASTRAY) await tamper(home, text, [request]);
  await insist('see it no more', () => safeZones.get(`ServiceRequest/${request}`), is(404));
  await insist('find it no more', () => found(referrer), ({ body }) => body?.total === 0);
  for (const [service, projection] of [['referrals', 'search'], ['consent', 'access']] as const) {
    await insist(`derive ${projection} again`, async () => ({ status: 200, ...(await derivedAgain(operator, service, projection, true)) }) as unknown as Answer, is(200));
  }
  await insist('find it again', () => found(safeZones), ({ body }) => body?.total === 1);
};

/** What was published lately is taken again by a service that listens to it: nobody is told a second time. A replay that died is begun again. */
const replaying: Errand = async ({ system, receiver: open, run }) => {
  const [referrer, operator, receiver] = [system('rapid-response'), system('operator'), await open()];
  const id = await subscribe(referrer, receiver, `replay-${run}`);
  const { request } = await refer(referrer, `refer-${run}`, run);
  await arrival(receiver, about(request));
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const again = async (): Promise<Answer> => {
    const { headers } = await operator.post('/api/notifications/v1/replays', { since }, { 'content-type': 'application/json' });
    return insist('see it end', () => operator.get(headers.get('location')!), ({ body }) => ['done', 'stopped'].includes(body?.state as string));
  };
  await insist('take it again', again, ({ body }) => body?.state === 'done');
  const told = (await deliveries(referrer, id, 'list', () => true)).filter(about(request)).map(({ event }) => event);
  expectThat(new Set(told).size === told.length, `after a replay it was told ${told.join(', ')}`);
  oneIdEach(receiver);
};

export const ERRANDS: Readonly<Record<ErrandName, Errand>> = {
  subscribe: subscribing,
  heartbeat,
  end: ending,
  'busy-endpoint': busyEndpoint,
  'refusing-endpoint': refusingEndpoint,
  'gone-endpoint': goneEndpoint,
  'ask-for-events': asking,
  withdraw: withdrawing,
  'not-eligible': notEligible,
  'refuse-later': refusedLater,
  message: messaging,
  park: parking,
  rebuild: rebuilding,
  replay: replaying,
};
