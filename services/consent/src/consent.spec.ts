import { randomUUID } from 'node:crypto';
import type { Database, Statement, Tx } from '@baton/postgres';
import { eventually } from '@baton/testing';
import { JudgingAgain } from './consent.worker.js';
import { consentFor, openConsent, refusal, type TestConsent } from './spec/consent-database.js';

let consent: TestConsent;
beforeAll(async () => {
  consent = await openConsent();
});
afterAll(() => consent.drop());

const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
const judgeDue = (): Promise<void> => new JudgingAgain({ database: consent.db, log }).once();

/** A child the trust knows: a flag it names in the referral, one it does not, a measure; and what the charity records. */
async function child() {
  const patient = await consent.patient('trust');
  const [named, other, measure] = [await consent.record('trust', 'Flag', patient), await consent.record('trust', 'Flag', patient), await consent.record('trust', 'Observation', patient)];
  const referral = await consent.refers(patient, [named]);
  const context = referral.referral;
  const episode = await consent.record('charity', 'EpisodeOfCare', patient, context);
  const plan = await consent.record('charity', 'CarePlan', patient, context);
  const contact = await consent.record('charity', 'Encounter', patient, context);
  const request = `ServiceRequest/${context}`;
  const task = `Task/${referral.task}`;
  const all = [`Patient/${patient}`, request, task, named, other, measure, episode, plan, contact];
  return { patient, referral, context, named, other, measure, episode, plan, contact, request, task, all, sees: (partner: string) => consent.sees(partner, ...all) };
}

const names = async (key: string): Promise<string[]> => (await consent.told(key)).map(({ type, version }) => `${type} ${version}`);

describe('implied consent', () => {
  it("shows the charity its referral and not the rest of the child's record, and the trust what comes of it", async () => {
    const { referral, patient, request, task, named, episode, plan, contact, context, sees } = await child();
    expect(await sees('charity')).toEqual([episode, plan, contact]);
    await consent.happened('referral-requested', referral);
    expect(await sees('charity')).toEqual([`Patient/${patient}`, request, task, named, episode, plan, contact]);
    expect(await sees('club')).toEqual([`Patient/${patient}`, request, task, named, episode]);
    expect((await sees('trust')).slice(-2)).toEqual([episode, plan]);
    expect(await sees('camhs')).toEqual([]);
    expect(await consent.told(context)).toMatchObject([{ type: 'sharing-allowed', version: 1, data: { recipients: ['charity', 'club'], gained: ['charity', 'club'], basis: 'implied-direct-care' } }]);
  });

  it('is recorded as a decision, though no Consent came', async () => {
    const { referral, context } = await child();
    await consent.happened('referral-requested', referral);
    const [told] = await consent.told(context);
    expect(await consent.test.admin(`SELECT basis, recorder, partners, context, status FROM consent.decision WHERE id = $1`, [told!.data['decision']])).toEqual([
      { basis: 'implied-direct-care', recorder: 'trust', partners: ['charity', 'club'], context, status: 'active' },
    ]);
  });

  it('is decided once, however often the event comes', async () => {
    const { referral, context } = await child();
    for (let i = 0; i < 3; i++) await consent.happened('referral-requested', referral);
    expect(await names(context)).toEqual(['sharing-allowed 1']);
    expect(await consent.test.admin(`SELECT count(*)::int AS rows FROM consent.access WHERE context = $1`, [context])).toEqual([{ rows: 8 }]);
  });

  it('follows what the referral names, as far as the referrer owns it', async () => {
    const { referral, named, other, patient } = await child();
    const foreign = await consent.record('camhs', 'Flag', patient);
    await consent.happened('referral-requested', referral);
    await consent.happened('referral-amended', { ...referral, named: [other, foreign] });
    expect(await consent.sees('charity', named, other, foreign)).toEqual([other]);
  });

  it('outlives the referral: who knew of it goes on to, and nobody else comes to', async () => {
    const { referral, request, context } = await child();
    await consent.happened('referral-requested', referral);
    await consent.happened('referral-completed', { ...referral, status: 'completed' });
    expect(await consent.sees('charity', request)).toEqual([request]);
    expect(await names(context)).toEqual(['sharing-allowed 1']);
  });
});

describe('a refusal', () => {
  it('before the referral keeps it from its receiver, whoever recorded it', async () => {
    const { patient, referral, context, episode, plan, contact, sees } = await child();
    await consent.decide('trust', consentFor(patient, 'deny'));
    await consent.happened('referral-requested', referral);
    expect(await sees('charity')).toEqual([episode, plan, contact]);
    expect(await consent.told(context)).toMatchObject([{ type: 'sharing-refused', version: 1, data: { recipients: [] } }]);
  });

  it('hides from its commit on, and the loss is announced with it', async () => {
    const { patient, referral, context, request, sees } = await child();
    await consent.happened('referral-requested', referral);
    const { id } = await consent.decide('trust', consentFor(patient, 'deny'));
    expect(await sees('charity')).not.toContain(request);
    expect(await sees('charity')).not.toContain(`Patient/${patient}`);
    expect(await consent.told(context)).toMatchObject([{ version: 1 }, { type: 'sharing-withdrawn', version: 2, data: { recipients: [], lost: ['charity', 'club'] } }]);
    expect(await consent.told(id)).toMatchObject([{ type: 'decision-recorded', version: 1, data: { effect: 'deny', recipients: [], owner: 'trust' } }]);
    const [mark] = await consent.test.admin<{ same: boolean }>(`SELECT d.withdrawn_xid = s.withdrawn_xid AND s.withdrawn_xid = min(w.xid) AND min(w.xid) = max(w.xid) AS same
      FROM consent.decision d, consent.sharing s, consent.withdrawn w WHERE d.id = $1 AND s.referral = $2 AND w.patient = $3 GROUP BY d.withdrawn_xid, s.withdrawn_xid`, [id, context, patient]);
    expect(mark).toEqual({ same: true });
  });

  it('may come from anyone who may see the Patient; to others it is as if there were none', async () => {
    const { patient, referral, request } = await child();
    const unknown = ['reference-unknown Consent.patient.reference'];
    expect(await refusal(consent.decide('camhs', consentFor(patient, 'deny')))).toEqual(unknown);
    expect(await refusal(consent.decide('camhs', consentFor(randomUUID(), 'deny')))).toEqual(unknown);
    await consent.happened('referral-requested', referral);
    await consent.decide('club', consentFor(patient, 'deny', ['Organization/club']));
    expect([await consent.sees('charity', request), await consent.sees('club', request)]).toEqual([[request], []]);
  });

  it('of one resource closes that one, also when more of its kind is recorded later', async () => {
    const { patient, named, other } = await child();
    await consent.decide('trust', consentFor(patient, 'permit', ['Organization/camhs']));
    await consent.decide('trust', consentFor(patient, 'deny', [], {}, { data: [{ meaning: 'instance', reference: { reference: named } }] }));
    const later = await consent.record('trust', 'Flag', patient);
    expect(await consent.sees('camhs', named, other, later)).toEqual([other]);
    await consent.happened('alert-recorded', { patient }, 'episodes');
    expect(await consent.sees('camhs', named, other, later)).toEqual([other, later]);
  });
});

describe('a permission', () => {
  it('is never recorded by who would gain by it', async () => {
    const { patient, referral, other } = await child();
    await consent.happened('referral-requested', referral);
    expect(await refusal(consent.decide('charity', consentFor(patient, 'permit', ['Organization/charity'])))).toEqual(['grants-itself Consent.provision.actor']);
    expect(await refusal(consent.decide('charity', consentFor(patient, 'permit', ['Organization/charity', 'Organization/camhs'])))).toEqual(['grants-itself Consent.provision.actor']);
    const item = { data: [{ meaning: 'instance', reference: { reference: `Patient/${patient}` } }] };
    expect(await refusal(consent.decide('charity', consentFor(patient, 'permit', ['Organization/camhs'], {}, item)))).toEqual(['not-yours-to-open Consent.provision.data[0].reference.reference']);
    expect(await consent.sees('charity', other)).toEqual([]);
  });

  it('gives nobody what another partner owns, and cannot be passed on', async () => {
    const { patient, referral, named, contact } = await child();
    await consent.happened('referral-requested', referral);
    await consent.decide('charity', consentFor(patient, 'permit', ['Organization/camhs']));
    expect(await consent.sees('camhs', `Patient/${patient}`, named, contact)).toEqual([contact]);
  });

  it('of a service reaches who provides it and who delivers it, and follows the pathway', async () => {
    const { patient, measure } = await child();
    await consent.decide('trust', consentFor(patient, 'permit', ['HealthcareService/zones'], {}, { class: [{ system: 'http://hl7.org/fhir/resource-types', code: 'Observation' }] }));
    await judgeDue();
    expect([await consent.sees('charity', measure), await consent.sees('club', measure), await consent.sees('camhs', measure)]).toEqual([[measure], [measure], []]);
    await consent.test.admin(`UPDATE directory.recipient SET partner = 'camhs' WHERE partner = 'club'`);
    try {
      await judgeDue();
      expect([await consent.sees('charity', measure), await consent.sees('club', measure), await consent.sees('camhs', measure)]).toEqual([[measure], [], [measure]]);
    } finally {
      await consent.test.admin(`UPDATE directory.recipient SET partner = 'club' WHERE partner = 'camhs'`);
      await judgeDue();
    }
  });

  it('for an overriding reason opens what all own, is recorded by whose Patient it is, and never for itself', async () => {
    const { patient, referral, measure } = await child();
    const seen = await consent.record('camhs', 'Flag', patient);
    await consent.happened('referral-requested', referral);
    const safeguarding = {
      extension: [
        { url: 'https://baton.example/fhir/StructureDefinition/lawful-basis', valueCoding: { system: 'https://baton.example/fhir/CodeSystem/lawful-basis', code: 'safeguarding-public-interest' } },
        { url: 'https://baton.example/fhir/StructureDefinition/decision-reason', valueString: 'Risk of serious harm' },
      ],
      performer: [{ display: 'Named nurse for safeguarding' }],
    };
    expect(await refusal(consent.decide('charity', consentFor(patient, 'permit', ['Organization/camhs'], safeguarding)))).toEqual([`not-yours-to-open Consent.patient.reference`]);
    expect(await refusal(consent.decide('trust', consentFor(patient, 'permit', ['Organization/charity', 'Organization/trust'], safeguarding)))).toEqual(['grants-itself Consent.provision.actor']);
    await consent.decide('trust', consentFor(patient, 'deny'));
    await consent.decide('trust', consentFor(patient, 'permit', ['Organization/charity'], safeguarding));
    expect(await consent.sees('charity', seen, measure)).toEqual([seen, measure]);
  });

  it('lifts an earlier refusal, and a later refusal closes again', async () => {
    const { patient, referral, request, context } = await child();
    await consent.decide('trust', consentFor(patient, 'deny', ['Organization/charity'], { dateTime: '2026-01-01T10:00:00Z' }));
    await consent.happened('referral-requested', referral);
    await consent.decide('trust', consentFor(patient, 'permit', ['Organization/charity'], { dateTime: '2026-01-02T10:00:00Z' }));
    expect(await consent.sees('charity', request)).toEqual([request]);
    await consent.decide('trust', consentFor(patient, 'deny', ['Organization/charity'], { dateTime: '2026-01-03T10:00:00Z' }));
    expect(await consent.sees('charity', request)).toEqual([]);
    expect((await consent.told(context)).map(({ data }) => [data['gained'], data['lost']])).toEqual([[['club'], []], [['charity'], []], [[], ['charity']]]);
  });
});

describe('taking back', () => {
  it('a permission closes at its commit what it opened', async () => {
    const { patient, measure } = await child();
    const permit = consentFor(patient, 'permit', ['Organization/camhs']);
    const { id } = await consent.decide('trust', permit);
    expect(await consent.sees('camhs', measure)).toEqual([measure]);
    await consent.redecide('trust', id, { ...permit, status: 'inactive' });
    expect(await consent.sees('camhs', measure)).toEqual([]);
    expect((await consent.told(id)).at(-1)).toMatchObject({ type: 'decision-amended', version: 2, data: { status: 'inactive' } });
  });

  it('implied consent, recorded as a Consent, withdraws the referral that rests on it', async () => {
    const { patient, referral, context, request } = await child();
    const { provision: _none, ...implied } = { ...consentFor(patient, 'permit'), policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMPLIED' }] } } as Record<string, unknown>;
    const { id } = await consent.decide('trust', implied);
    await consent.happened('referral-requested', referral);
    expect(await consent.sees('charity', request)).toEqual([request]);
    await consent.redecide('trust', id, { ...implied, status: 'inactive' });
    expect(await consent.sees('charity', request)).toEqual([]);
    expect(await names(context)).toEqual(['sharing-allowed 1', 'sharing-withdrawn 2']);
  });

  it("a refusal lets a held referral go, and needs the right to open what it shut", async () => {
    const { patient, referral, context, request } = await child();
    const deny = consentFor(patient, 'deny');
    const { id } = await consent.decide('trust', deny);
    await consent.happened('referral-requested', referral);
    await consent.redecide('trust', id, { ...deny, status: 'inactive' });
    expect(await names(context)).toEqual(['sharing-refused 1', 'sharing-allowed 2']);
    expect(await consent.sees('charity', request)).toEqual([request]);
    const { id: theirs } = await consent.decide('charity', consentFor(patient, 'deny', ['Organization/club']));
    for (const change of [{ status: 'inactive' }, { status: 'entered-in-error' }, { provision: { type: 'deny', period: { end: '2020-01-01' } } }]) {
      expect(await refusal(consent.redecide('charity', theirs, { ...consentFor(patient, 'deny', ['Organization/club']), ...change }))).toEqual(['not-yours-to-open Consent.status']);
    }
  });

  it('is final, and changes nothing else', async () => {
    const { patient } = await child();
    const permit = consentFor(patient, 'permit', ['Organization/camhs']);
    const { id } = await consent.decide('trust', permit);
    expect(await refusal(consent.redecide('trust', id, { ...consentFor(patient, 'permit', ['Organization/club']), status: 'inactive' }))).toEqual(['decision-stays-as-it-was Consent.provision']);
    await consent.redecide('trust', id, { ...permit, status: 'inactive' });
    expect(await refusal(consent.redecide('trust', id, permit))).toEqual(['withdrawn-is-final Consent.status']);
    expect(await refusal(consent.decide('trust', { ...permit, status: 'inactive' }))).toEqual(['decision-not-active Consent.status']);
  });

  it('is possible for one who lost sight of the Patient', async () => {
    const { patient, referral, contact } = await child();
    await consent.happened('referral-requested', referral);
    const permit = consentFor(patient, 'permit', ['Organization/camhs']);
    const { id } = await consent.decide('charity', permit);
    await consent.decide('trust', consentFor(patient, 'deny', ['Organization/charity']));
    expect(await consent.sees('camhs', contact)).toEqual([contact]);
    await consent.redecide('charity', id, { ...permit, status: 'inactive' });
    expect(await consent.sees('camhs', contact)).toEqual([]);
  });

  it('is decided anew when the time of a decision comes', async () => {
    const { patient, referral, context, request } = await child();
    await consent.happened('referral-requested', referral);
    const soon = new Date(Date.now() + 300);
    await consent.decide('trust', consentFor(patient, 'deny', [], {}, { period: { start: soon.toISOString() } }));
    expect(await consent.sees('charity', request)).toEqual([request]);
    await eventually(async () => expect(await consent.sees('charity', request)).toEqual([]));
    await judgeDue();
    expect((await names(context)).at(-1)).toBe('sharing-withdrawn 2');
  });
});

describe('looking again each second', () => {
  it('asks once and begins no transaction where nothing changed', async () => {
    await judgeDue();
    const asked: string[] = [];
    const database = {
      query: (what: Statement, values?: unknown[]) => (asked.push('query'), consent.db.query(what, values)),
      transaction: (work: (tx: Tx) => Promise<unknown>) => (asked.push('transaction'), consent.db.transaction(work)),
    };
    await new JudgingAgain({ database: database as unknown as Database, log }).once();
    expect(asked).toEqual(['query']);
  });
});

describe('an event of a referral', () => {
  it('sends the lock and the reading behind it before anything is waited for', async () => {
    const sent: string[] = [];
    const tx = { now: new Date(), query: ({ text }: Statement) => (sent.push(text.trim().split(' ')[0]!), new Promise(() => undefined)) };
    void consent.handle(tx as unknown as Tx, 'referral-requested', await consent.refers(await consent.patient('trust')));
    expect(sent).toEqual(['INSERT', 'WITH']);
  });
});
