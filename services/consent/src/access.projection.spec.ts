import { randomUUID } from 'node:crypto';
import type { Slice } from '@baton/postgres';
import { rebuilt } from '@baton/testing';
import { accessProjection } from './access.projection.js';
import { consentFor, openConsent, type TestConsent } from './spec/consent-database.js';

let consent: TestConsent;
beforeAll(async () => {
  consent = await openConsent();
});
afterAll(() => consent.drop());

const rebuild = (mend?: boolean): Promise<Slice> => rebuilt(accessProjection, consent.db, mend);

const access = (): Promise<object[]> => consent.test.admin('SELECT patient, owner, recipient, category, context, item, purpose, decision FROM consent.access ORDER BY 1, 2, 3, 4, 5, 6, 7, 8');

/** A person of two Patients who was referred. */
async function referred(): Promise<{ patient: string; request: string; referral: string }> {
  const person = randomUUID();
  const patient = await consent.patient('trust', person);
  await consent.patient('camhs', person);
  const facts = await consent.refers(patient);
  await consent.happened('referral-requested', facts);
  return { patient, request: `ServiceRequest/${facts.referral}`, referral: facts.referral };
}

describe('who may see what, derived again,', () => {
  let child: Awaited<ReturnType<typeof referred>>;
  let before: object[];

  it('is what decisions and referrals made of it', async () => {
    child = await referred();
    const other = await consent.patient('trust');
    await consent.decide('trust', consentFor(other, 'permit', ['Organization/camhs']));
    before = await access();
    expect(await rebuild()).toEqual({ looked: 2, missing: 0, surplus: 0 });
    expect(await access()).toEqual(before);
  });

  it('takes away what nobody decided and gives back what was decided, and says so', async () => {
    await consent.test.admin(`DELETE FROM consent.access WHERE recipient = 'club'`);
    await consent.test.admin(`INSERT INTO consent.access (patient, recipient, category, purpose, valid_from, decision) VALUES ($1, 'camhs', 'referral', 'TREAT', now(), 'none')`, [child.patient]);
    expect(await consent.sees('camhs', child.request)).toEqual([child.request]);
    const astray = await access();
    const { missing, surplus } = await rebuild(false);
    expect([missing > 0, surplus]).toEqual([true, 1]);
    expect(await access()).toEqual(astray);
    expect(await rebuild()).toMatchObject({ missing, surplus });
    expect(await access()).toEqual(before);
    expect([await consent.sees('camhs', child.request), await consent.sees('club', child.request)]).toEqual([[], [child.request]]);
    expect(await rebuild()).toEqual({ looked: 2, missing: 0, surplus: 0 });
  });

  it('finds rows of a Patient of whom nothing else is known', async () => {
    await consent.test.admin(`INSERT INTO consent.access (patient, recipient, category, purpose, valid_from, decision) VALUES ('never-was', 'camhs', 'referral', 'TREAT', now(), 'none')`);
    expect(await rebuild()).toMatchObject({ missing: 0, surplus: 1 });
    expect(await access()).toEqual(before);
  });

  it('never brings back what is withdrawn meanwhile', async () => {
    const children = await Promise.all(Array.from({ length: 12 }, referred));
    let deciding = true;
    const withdrawals = Promise.all(children.map(async ({ patient }) => consent.decide('trust', consentFor(patient, 'deny')))).finally(() => (deciding = false));
    for (let times = 0; deciding || times === 0; times++) expect(await rebuild()).toMatchObject({ missing: 0, surplus: 0 });
    await withdrawals;
    for (const { request } of children) expect(await consent.sees('charity', request)).toEqual([]);
  });
});
