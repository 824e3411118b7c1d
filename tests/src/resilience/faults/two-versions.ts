import { newId } from '@baton/kernel';
import { eventually } from '@baton/testing';
import type { Resource } from '../../durability/careful-partner.js';
import type { Trial } from '../../durability/trial.js';
import type { ApartStage } from '../apart-stage.js';
import { struck, type Fault, type Outcome } from '../fault.js';
import { contactEvent, CONTACTS, messageOf, put } from '../foreign-events.js';
import { OnCall } from '../on-call.js';

/** Every event of an episode's topics is told to the receiver, who sees the contact; amended by a publisher that says more than we know. */
const AMENDED = 'baton.episodes.contact-amended.v1';
const NEWER = 'baton.episodes.contact-amended.v2';

interface Contact extends Resource {
  readonly subject: { readonly reference: string };
}

async function sideBySide(stage: ApartStage, trial: Trial): Promise<Outcome> {
  const contacts = await trial.partners.receiver.find('Encounter?_count=50', ({ body }) => (body.entry?.length >= 2 ? (body.entry as { resource: Contact }[]).map(({ resource }) => resource) : undefined));
  const [wider, newer] = contacts as [Contact, Contact];
  const facts = ({ subject }: Contact) => ({ patient: subject.reference.split('/')[1]! });
  const told = contactEvent(wider.id, 2, { ...facts(wider), mood: 'better', weather: { outside: ['rain'] } }, AMENDED);
  const untold = contactEvent(newer.id, 2, facts(newer), AMENDED);
  // Behind the newer one, of its key: it must wait.
  const behind = contactEvent(newer.id, 3, facts(newer), AMENDED);
  await put(stage.brokers, [messageOf(told), messageOf(untold, NEWER), messageOf(behind), messageOf(contactEvent(newId(), 1))]);
  const announced = (contact: Contact) => [{ focus: `Encounter/${contact.id}`, events: [AMENDED], person: contact.subject.reference, to: ['receiver-episodes'], introduces: false }];
  const publish = (contact: Contact) =>
    trial.note({ key: `published-${contact.id}`, partner: 'safe-zones', method: 'PUBLISH', what: 'amended elsewhere', sent: 1, answers: [{ at: Date.now(), status: 202, changes: [] }], announces: announced(contact) });
  publish(wider);

  const broken: string[] = [];
  const onCall = new OnCall(stage.system('operator'), 'notifications', CONTACTS);
  await eventually(async () => (await onCall.shut()).some(({ key, waiting }) => key === newer.id && waiting === 2), { within: 30_000, every: 200 }).catch(() => broken.push('the newer version and what came behind it were not parked'));
  const others = (await onCall.shut()).filter(({ key, error }) => key !== newer.id || error !== 'NewerMajor');
  broken.push(...others.map(({ key, error }) => `${key} is parked: ${error}`));
  await onCall.clear();
  // What waited behind has taken effect now.
  publish(newer);
  return { figures: ['the wider event was told, the newer version parked as NewerMajor with what came behind it, and that told once the newer was given up'], broken };
}

export const twoVersions: Fault = {
  name: 'two-versions',
  does: 'Past Baton, an event of v1 with fields that nobody knows is published, one of v2, and one of v1 behind it, while young persons go their way.',
  run: () => struck({}, sideBySide),
};
