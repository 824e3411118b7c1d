import { randomUUID } from 'node:crypto';
import { write } from '@baton/fhir-store';
import { statement, type Database } from '@baton/postgres';
import { JudgingAgain } from './consent.worker.js';
import { lockForRelink, relink } from './relink.js';
import { callerOf, consentFor, openConsent, type TestConsent } from './spec/consent-database.js';

let consent: TestConsent;
let gateway: Database;
beforeAll(async () => {
  consent = await openConsent();
  gateway = await consent.test.open('gateway');
});
afterAll(() => consent.drop());

const judgeDue = (): Promise<void> => new JudgingAgain({ database: consent.db, log: { info: () => undefined, warn: () => undefined, error: () => undefined } }).once();
const rows = (...patients: string[]): Promise<object[]> => consent.test.admin(`SELECT patient, recipient, category, item FROM consent.access WHERE patient = ANY($1) ORDER BY category, item, patient, recipient`, [patients]);

/** As the gateway does it: lock, directory's command, consent's part, in one transaction under their roles. */
async function becomes(patient: string, from: string, to: string): Promise<void> {
  await gateway.transaction(async (tx) => {
    await lockForRelink(tx.as('baton_consent'), { from, to });
    await tx.as('baton_directory').query(statement(`UPDATE directory.person_link SET person = $2::uuid WHERE patient = $1`), [patient, to]);
    await write(tx.as('baton_consent'), 'consent', callerOf('camhs'), await relink(tx.as('baton_consent'), { patient, from, to }));
  });
}

/** A child the trust and CAMHS know, each by its own Patient and not yet as one: CAMHS recorded that nothing is to be shared. */
async function two(refused = true) {
  const [one, other] = [randomUUID(), randomUUID()];
  const patient = await consent.patient('trust', one);
  const theirs = await consent.patient('camhs', other);
  const measure = await consent.record('trust', 'Observation', patient);
  await consent.decide('trust', consentFor(patient, 'permit', ['Organization/camhs'], { dateTime: '2026-01-01' }));
  if (refused) await consent.decide('camhs', consentFor(theirs, 'deny'));
  const referral = await consent.refers(patient);
  await consent.happened('referral-requested', referral);
  return { one, other, patient, theirs, measure, referral, request: `ServiceRequest/${referral.referral}` };
}

describe('linking two Patients to one person', () => {
  it('makes the refusals of both sides apply from its commit on, and tells who lost sight of a referral', async () => {
    const { one, other, theirs, patient, measure, referral, request } = await two();
    expect([await consent.sees('charity', request), await consent.sees('camhs', measure)]).toEqual([[request], [measure]]);
    await becomes(theirs, other, one);
    expect([await consent.sees('charity', request), await consent.sees('camhs', measure), await rows(patient, theirs)]).toEqual([[], [], []]);
    expect((await consent.told(referral.referral)).map(({ type, version, data }) => [type, version, data['lost']])).toEqual([['sharing-allowed', 1, []], ['sharing-withdrawn', 2, ['charity', 'club']]]);
  });

  it('makes nothing visible', async () => {
    const { one, other, theirs, patient } = await two(false);
    await consent.happened('referral-requested', await consent.refers(theirs, [], 'camhs'));
    await consent.decide('camhs', consentFor(theirs, 'permit', ['Organization/trust']));
    const before = await rows(patient, theirs);
    await becomes(theirs, other, one);
    await judgeDue();
    expect(await rows(patient, theirs)).toEqual(before);
  });
});

describe('unlinking', () => {
  it('restores nothing that was decided, and decides open referrals anew', async () => {
    const { one, other, theirs, patient, measure } = await two();
    await becomes(theirs, other, one);
    await judgeDue();
    const held = await consent.refers(patient);
    await consent.happened('referral-requested', held);
    expect((await consent.told(held.referral)).map(({ type }) => type)).toEqual(['sharing-refused']);
    await becomes(theirs, one, randomUUID());
    expect(await consent.sees('charity', `ServiceRequest/${held.referral}`)).toEqual([]);
    await judgeDue();
    expect((await consent.told(held.referral)).map(({ type }) => type)).toEqual(['sharing-refused', 'sharing-allowed']);
    expect([await consent.sees('charity', `ServiceRequest/${held.referral}`), await consent.sees('camhs', measure)]).toEqual([[`ServiceRequest/${held.referral}`], []]);
  });

  it('leaves every refusal where it was recorded', async () => {
    const { one, other, theirs } = await two();
    await becomes(theirs, other, one);
    await becomes(theirs, one, randomUUID());
    await judgeDue();
    const referral = await consent.refers(theirs, [], 'camhs');
    await consent.happened('referral-requested', referral);
    expect((await consent.told(referral.referral)).map(({ type }) => type)).toEqual(['sharing-refused']);
  });
});
