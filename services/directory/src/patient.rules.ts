import { isDeepStrictEqual } from 'node:util';
import type { NewEvent } from '@baton/contracts';
import type { Patient, Resource } from '@baton/fhir';
import type { Ruling, TypeRules } from '@baton/fhir-store';
import { newId, refuse, refuseIfAny, type Caller } from '@baton/kernel';
import type { Tx } from '@baton/postgres';
import { moveOf } from './person.js';
import { identityOf, invalidNhsNumbers, withPresentStatuses } from './person.fhir.js';
import type { PersonKey } from './person-key.js';
import { changedLink, claimUnderLock, linkOf, newLink, personFor } from './person.store.js';

/** A Patient that turns out to be another person than it was taken for. */
export interface PersonChange {
  readonly patient: string;
  readonly from: string;
  readonly to: string;
}

/** What consent does when a Patient changes its person, in the same transaction. */
export interface Relink {
  /** Before the Patient is written: from then on nobody decides on either person until the transaction ends. */
  lock(tx: Tx, change: PersonChange): Promise<void>;
  /** After it is written: the refusals of both sides apply from the commit on. */
  settle(tx: Tx, caller: Caller, change: PersonChange): Promise<void>;
}

export interface PatientOptions {
  readonly key: PersonKey;
  /** Without it a change of person is refused: it would leave open what a refusal on the other side shuts. */
  readonly relink?: Relink | undefined;
  /** An NHS number that fails modulus 11 is kept (and never used) instead of refused: messages of other systems. */
  readonly keepsInvalidNumbers?: boolean | undefined;
}

/** Patient: the owner writes it; Baton finds the person behind it. */
export function patientRules(options: PatientOptions): TypeRules {
  return {
    type: 'Patient',
    schema: 'directory',

    async create(tx, caller, { id, resource }) {
      const patient = checked(resource, undefined, options);
      const claim = await claimUnderLock(tx, options.key, caller, identityOf(patient));
      return { resource: patient as unknown as Resource, patient: id, rows: newLink(id, claim, newId()), events: [eventOf('patient-recorded', id, caller.partner, 1)] };
    },

    async update(tx, caller, { current, before, resource }) {
      const patient = checked(resource, before, options);
      const link = saysTheSame(patient, before) ? {} : await reconsidered(tx, caller, current.id, patient, options);
      return {
        resource: patient as unknown as Resource,
        ...link,
        events: [eventOf('patient-amended', current.id, current.owner, current.version + 1)],
      };
    },

    /** The person stays known: refusals recorded through this Patient go on to bind the others. */
    async remove(_tx, _caller, current): Promise<Ruling> {
      return { events: [eventOf('patient-amended', current.id, current.owner, current.version + 1, 'deleted')] };
    },
  };
}

function checked(resource: Resource, before: Resource | undefined, { keepsInvalidNumbers }: PatientOptions): Patient {
  const patient = resource as unknown as Patient;
  if (!keepsInvalidNumbers) refuseIfAny('rule-broken', invalidNhsNumbers(patient, before as unknown as Patient | undefined));
  return withPresentStatuses(patient);
}

const saysTheSame = (patient: Patient, before: Resource): boolean => isDeepStrictEqual(patient.identifier, before['identifier']) && patient.birthDate === before['birthDate'];

async function reconsidered(tx: Tx, caller: Caller, id: string, patient: Patient, { key, relink }: PatientOptions): Promise<Pick<Ruling, 'rows' | 'afterwards'>> {
  const claim = await claimUnderLock(tx, key, caller, identityOf(patient));
  const { person, claim: before } = await linkOf(tx, id);
  const move = moveOf(before, claim);
  const found = claim && (move === 'join' || move === 'change') ? await personFor(tx, claim) : undefined;
  const next = move === 'stay' ? person : (found ?? (move === 'join' ? person : newId()));
  const rows = changedLink(id, claim, next, (move === 'join' || move === 'change') && found === undefined);
  if (next === person) return { rows };
  const change = { patient: id, from: person, to: next };
  if (!relink) throw refuse('unavailable', 'person-changes-elsewhere', 'This change says who the young person is; send it to the address that serves Bundles.', { at: ['Patient.identifier'] });
  await relink.lock(tx, change);
  return { rows, afterwards: (later) => relink.settle(later, caller, change) };
}

const eventOf = (name: string, id: string, owner: string, version: number, status?: string): NewEvent => ({
  type: `baton.directory.${name}.v1`,
  key: id,
  version,
  data: { resource: `Patient/${id}`, patient: id, owner, dataref: `Patient/${id}/_history/${version}`, ...(status === undefined ? {} : { status }) },
});
