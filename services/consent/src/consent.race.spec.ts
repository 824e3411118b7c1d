import { randomUUID } from 'node:crypto';
import { create, write } from '@baton/fhir-store';
import type { Resource } from '@baton/fhir';
import type { Tx } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { consentRules } from './consent.rules.js';
import { lockForRelink } from './relink.js';
import { callerOf, consentFor, openConsent, refusal, type TestConsent } from './spec/consent-database.js';

let consent: TestConsent;
beforeAll(async () => {
  consent = await openConsent();
});
afterAll(() => consent.drop());

/** Does something in a transaction that stays open until it is told to commit. */
async function held(work: (tx: Tx) => Promise<unknown>): Promise<{ commit: () => Promise<void> }> {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let begun = (): void => undefined;
  const done = new Promise<void>((resolve) => (begun = resolve));
  const all = consent.db.transaction(async (tx) => {
    await work(tx);
    begun();
    await gate;
  });
  await Promise.race([done, all]);
  return { commit: () => (release(), all) };
}

const waiting = (): Promise<void> =>
  eventually(async () => {
    const [row] = await consent.test.admin<{ waiting: number }>(`SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`);
    expect(row!.waiting).toBeGreaterThan(0);
  });

async function denyIn(tx: Tx, patient: string): Promise<void> {
  await write(tx, 'consent', callerOf('trust'), await create(consentRules, tx, callerOf('trust'), { resource: consentFor(patient, 'deny') as Resource }));
}

describe('a decision and a referral at the same moment', () => {
  it('the referral that waits finds the refusal', async () => {
    const patient = await consent.patient('trust');
    const referral = await consent.refers(patient);
    const deny = await held((tx) => denyIn(tx, patient));
    const asked = consent.happened('referral-requested', referral);
    await waiting();
    await deny.commit();
    await asked;
    expect((await consent.told(referral.referral)).map(({ type }) => type)).toEqual(['sharing-refused']);
    expect(await consent.sees('charity', `ServiceRequest/${referral.referral}`)).toEqual([]);
  });

  it('the refusal that waits finds the referral', async () => {
    const patient = await consent.patient('trust');
    const referral = await consent.refers(patient);
    const asked = await held((tx) => consent.handle(tx, 'referral-requested', referral));
    const deny = consent.decide('trust', consentFor(patient, 'deny'));
    await waiting();
    await asked.commit();
    await deny;
    expect((await consent.told(referral.referral)).map(({ type }) => type)).toEqual(['sharing-allowed', 'sharing-withdrawn']);
    expect(await consent.sees('charity', `ServiceRequest/${referral.referral}`)).toEqual([]);
  });

  it('never ends in rows that contradict the decision, also through another Patient of the same person', async () => {
    for (let i = 0; i < 15; i++) {
      const patient = await consent.patient('trust');
      const [{ person }] = (await consent.test.admin<{ person: string }>(`SELECT person FROM directory.person_link WHERE patient = $1`, [patient])) as [{ person: string }];
      const other = await consent.patient('camhs', person);
      const referrals = [await consent.refers(patient), await consent.refers(patient), await consent.refers(other, [], 'camhs')];
      await Promise.all([...referrals.map((referral) => consent.happened('referral-requested', referral)), consent.decide(i % 2 ? 'trust' : 'camhs', consentFor(i % 2 ? patient : other, 'deny'))]);
      expect(await consent.test.admin(`SELECT recipient FROM consent.effective_access_v1 WHERE patient = ANY($1)`, [[patient, other]])).toEqual([]);
      expect(new Set((await consent.test.admin<{ state: string }>(`SELECT state FROM consent.sharing WHERE patient = ANY($1)`, [[patient, other]])).map(({ state }) => state === 'refused' || state === 'withdrawn'))).toEqual(new Set([true]));
      for (const { referral } of referrals) expect((await consent.told(referral)).map(({ version }) => version)).toEqual((await consent.told(referral)).map((_, at) => at + 1));
    }
  });

  it('the referral that waits while its Patient becomes another person is judged as that person', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const patient = await consent.patient('trust', one);
    await consent.decide('camhs', consentFor(await consent.patient('camhs', other), 'deny'));
    const referral = await consent.refers(patient);
    const relinking = await held((tx) => lockForRelink(tx, { from: one, to: other }));
    const asked = consent.happened('referral-requested', referral);
    await waiting();
    await consent.link(patient, other);
    await relinking.commit();
    await asked;
    expect((await consent.told(referral.referral)).map(({ type }) => type)).toEqual(['sharing-refused']);
  });

  it('a decision that waits while its recorder loses sight of the Patient is refused', async () => {
    const patient = await consent.patient('trust');
    const referral = await consent.refers(patient);
    await consent.happened('referral-requested', referral);
    const deny = await held((tx) => denyIn(tx, patient));
    const late = refusal(consent.decide('charity', consentFor(patient, 'deny', ['Organization/club'])));
    await waiting();
    await deny.commit();
    expect(await late).toEqual(['reference-unknown Consent.patient.reference']);
  });
});
