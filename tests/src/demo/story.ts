import type { Charity } from './charity.js';
import type { Expected, Ledger } from './ledger.js';
import type { PartnerProcess } from './partner-process.js';
import type { Referral, Trust } from './trust.js';
import type { UnrelatedPartner } from './unrelated-partner.js';

/** Who a line is about. */
export type Who = 'trust' | 'charity' | 'council' | 'baton' | 'forger';

export interface Cast {
  readonly trust: PartnerProcess<Trust>;
  readonly charity: PartnerProcess<Charity>;
  readonly council: PartnerProcess<UnrelatedPartner>;
}

export interface Stage {
  readonly cast: Cast;
  readonly ledger: Ledger;
  /** Tells a line. @param at milliseconds since the epoch */
  tell(at: number, who: Who, what: string, ok?: boolean): void;
  /** Where the charity takes notifications. */
  readonly charityWebhook: string;
  /** The transaction Bundle the trust posts. */
  readonly bundle: object;
  readonly young: { readonly called: string; readonly family: string; readonly nhsNumber: string };
}

/** A scene that takes so long says so: somebody may have killed a service, a broker, the database to see what happens. */
const WAITS_AFTER_MS = 5_000;

/** What a scene needs of those before it. */
interface SoFar extends Referral {
  readonly task: string;
}

/**
 * The story, scene by scene; each notes in the ledger what it found. The first scene that cannot go on ends it.
 * @throws what stopped it, after it was told and noted
 */
export async function play(stage: Stage): Promise<void> {
  const so = await handOver(stage);
  const { contact, version } = await takeOn(stage, so);
  await forge(stage);
  await withdraw(stage, so, { contact, version });
}

/** Scenes of one outcome: a failure is told as the reason why the outcome was not reached. */
async function scene<Result>({ ledger, tell }: Stage, expected: Expected, who: Who, act: () => Promise<Result>): Promise<Result> {
  const waits = setTimeout(() => tell(Date.now(), who, 'waits: something it needs is away, and comes back by itself …'), WAITS_AFTER_MS);
  try {
    return await act();
  } catch (error) {
    const { message } = error as Error;
    tell(Date.now(), who, message, false);
    ledger.note(expected, false, message);
    throw error;
  } finally {
    clearTimeout(waits);
  }
}

async function handOver(stage: Stage): Promise<SoFar> {
  const { cast, ledger, tell, bundle, young } = stage;
  const sent = Date.now();
  tell(sent, 'trust', `refers ${young.called} to Safe Zones: Patient, Flag and ServiceRequest in one transaction Bundle`);
  const referral = await scene(stage, 'stored', 'baton', () => cast.trust.ask('refer', bundle));
  tell(referral.at, 'baton', `stored all three, judged by pathway ${referral.judgedBy}`);
  ledger.note('stored', true, `201 three times after ${referral.at - sent} ms`);
  await cast.council.ask('watch', { references: [referral.referral, referral.patient, referral.flag], patient: referral.patient, nhsNumber: young.nhsNumber });

  const notified = await scene(stage, 'notified', 'charity', () => cast.charity.ask('notified', referral.referral));
  const task = notified.context.find((reference) => reference.startsWith('Task/')) ?? '';
  tell(notified.at, 'charity', `notified: event ${notified.number} of its subscription, signature checked, ids and no content`);
  ledger.note('notified', task !== '', task === '' ? 'the notification names no Task' : `${notified.at - sent} ms after the trust sent it`);
  await cast.council.ask('watch', { references: [task], patient: referral.patient, nhsNumber: young.nhsNumber });

  const things = [referral.referral, task, referral.patient, referral.flag];
  const answers = await scene(stage, 'read', 'charity', () => cast.charity.ask('read', things));
  const [request, , patient] = answers.map(({ body }) => body as { extension?: { valueString?: string }[]; name?: { given?: string[] }[] });
  const wants = request?.extension?.find(({ valueString }) => valueString !== undefined)?.valueString ?? '';
  tell(answers.at(-1)!.at, 'charity', `reads ServiceRequest, Task, Patient and Flag. ${patient?.name?.[0]?.given?.[0] ?? '(no name)'} says: “${wants}”`);
  ledger.note('read', answers.every(({ status }) => status === 200), answers.map(({ status }) => status).join(', '));
  return { ...referral, task };
}

async function takeOn(stage: Stage, { task, referral, patient }: SoFar): Promise<{ contact: string; version: number }> {
  const { cast, ledger, tell } = stage;
  await scene(stage, 'accepted', 'charity', () => cast.charity.ask('move', { task, to: 'received' }));
  const accepted = await scene(stage, 'accepted', 'charity', () => cast.charity.ask('move', { task, to: 'accepted' }));
  tell(accepted.at, 'charity', 'has received the referral and accepts it');
  ledger.note('accepted', true, `Task version ${accepted.version}`);

  const told = await scene(stage, 'told', 'trust', () => cast.trust.ask('told', { referral, task, version: accepted.version }));
  tell(told.at, 'trust', `told of the referral (event ${told.number}), looks, and finds it ${told.status}`);
  ledger.note('told', told.status === 'accepted', `${told.status}, told ${Math.max(0, told.at - accepted.at)} ms later`);

  const contact = await scene(stage, 'contact', 'charity', () => cast.charity.ask('contact', { patient, referral }));
  tell(contact.at, 'charity', 'meets the young person: Encounter, basedOn the referral');
  ledger.note('contact', contact.episode !== '', contact.episode === '' ? 'the contact names no EpisodeOfCare' : 'EpisodeOfCare named in the answer');
  await cast.council.ask('watch', { references: [contact.contact, contact.episode].filter((each) => each !== ''), patient, nhsNumber: stage.young.nhsNumber });

  const started = await scene(stage, 'started', 'charity', () => cast.charity.ask('move', { task, to: 'in-progress' }));
  tell(started.at, 'charity', 'sets the referral in progress');
  const heard = await scene(stage, 'started', 'trust', () => cast.trust.ask('told', { referral, task, version: started.version }));
  tell(heard.at, 'trust', `told (event ${heard.number}), and finds it ${heard.status}`);
  ledger.note('started', heard.status === 'in-progress', `${heard.status}, told ${Math.max(0, heard.at - started.at)} ms later`);
  return { ...contact, version: started.version };
}

/** Somebody who knows where the charity listens, but not the secret. */
async function forge({ ledger, tell, charityWebhook }: Stage): Promise<void> {
  const headers = { 'content-type': 'application/fhir+json', 'webhook-id': 'made-up', 'webhook-timestamp': String(Math.floor(Date.now() / 1000)), 'webhook-signature': `v1,${Buffer.alloc(32).toString('base64')}` };
  const { status } = await fetch(charityWebhook, { method: 'POST', headers, body: '{"resourceType":"Bundle","type":"history","entry":[]}' });
  tell(Date.now(), 'forger', `posts a made-up notification to the charity: ${status}, the signature is wrong`, status === 401);
  ledger.note('forged', status === 401, String(status));
}

async function withdraw(stage: Stage, so: SoFar, { contact, version }: { contact: string; version: number }): Promise<void> {
  const { cast, ledger, tell } = stage;
  const { at, consent } = await scene(stage, 'withdrawn', 'trust', () => cast.trust.ask('withdraw', so.patient));
  tell(at, 'trust', 'writes down that the young person wants nothing shared any more: a Consent that denies');
  ledger.note('withdrawn', true, 'Consent stored');
  await findsNothing(stage, so);
  await cast.council.ask('watch', { references: [consent], patient: so.patient, nhsNumber: stage.young.nhsNumber });

  const lost = await scene(stage, 'lost', 'charity', () => cast.charity.ask('lost', so.referral));
  tell(lost.at, 'charity', `told that it lost access (event ${lost.number}): the id, no content`);
  ledger.note('lost', true, `${Math.max(0, lost.at - at)} ms after the decision`);

  const cancelled = await scene(stage, 'cancelled', 'trust', () => cast.trust.ask('told', { referral: so.referral, task: so.task, version: version + 1 }));
  tell(cancelled.at, 'trust', `told (event ${cancelled.number}), and finds it ${cancelled.status}, ServiceRequest ${cancelled.referralStatus}; reason: ${cancelled.reason}`);
  ledger.note('cancelled', cancelled.status === 'cancelled' && cancelled.reason === 'consent-withdrawn' && cancelled.referralStatus === 'revoked', `${cancelled.status}, ${cancelled.reason}`);

  const [own] = await scene(stage, 'kept', 'charity', () => cast.charity.ask('read', [contact]));
  tell(own!.at, 'charity', 'still has its own record of the contact', own!.status === 200);
  ledger.note('kept', own!.status === 200, `GET Encounter ${own!.status}`);
}

async function findsNothing(stage: Stage, { referral, task, patient, flag }: SoFar): Promise<void> {
  const { cast, ledger, tell } = stage;
  const things = [referral, task, patient, flag];
  const looked = await scene(stage, 'refused', 'charity', () => cast.charity.ask('read', things));
  const reads = looked.map(({ status }) => status);
  const histories: number[] = [];
  for (const thing of things) histories.push(await scene(stage, 'refused', 'charity', () => cast.charity.ask('history', thing)));
  const counts: number[] = [];
  for (const type of ['ServiceRequest', 'Task', 'Flag']) counts.push(await scene(stage, 'refused', 'charity', () => cast.charity.ask('count', { type, params: { patient } })));
  const nothing = [...reads, ...histories].every((status) => status === 404) && counts.every((count) => count === 0);
  const was = `reads ${[...new Set(reads)].join('/')}, histories ${[...new Set(histories)].join('/')}, found ${counts.reduce((sum, count) => sum + count, 0)}`;
  tell(looked[0]!.at, 'charity', `looks again, at once: ${was}`, nothing);
  ledger.note('refused', nothing, was);
}
