import { acknowledgedChanges, type Audited, type History } from './history.js';
import type { Violation } from './invariants.js';

/** Invariant 8: the audit tells of each change, of each read, and of each time something was sent, whose data it was; and of nothing twice. */
export function auditViolations(history: History): Violation[] {
  const byRequest = Map.groupBy(history.audited, ({ requestId }) => requestId);
  return [...changesAudited(history), ...readsAudited(history, byRequest), ...deliveriesAudited(history, byRequest), ...attemptsAudited(history, byRequest)];
}

const broken = (says: string): Violation => ({ invariant: 8, says });

const WRITES = new Set(['create', 'update', 'patch', 'delete']);

function changesAudited({ asked, audited }: History): Violation[] {
  const entries = Map.groupBy(
    audited.filter(({ interaction }) => WRITES.has(interaction)).flatMap((entry) => entry.resources.map((resource) => ({ resource, entry }))),
    ({ resource }) => resource,
  );
  return asked.flatMap((request) =>
    acknowledgedChanges(request).flatMap(({ reference, version }): Violation[] => {
      const name = `${reference}/_history/${version}`;
      const found = (entries.get(name) ?? []).filter(({ entry }) => entry.partner === request.partner);
      return found.length === 1 ? [] : [broken(`${name} (${request.what}, ${request.key}) has ${found.length} audit entries of ${request.partner}`)];
    }),
  );
}

const READS = new Set(['read', 'vread', 'search', 'history']);
const ABOUT_NOBODY = 'nobody';

function readsAudited({ seen, readsAtMost }: History, byRequest: ReadonlyMap<string, readonly Audited[]>): Violation[] {
  return seen.flatMap(({ requestId, partner, patients }) => {
    const entries = (byRequest.get(requestId) ?? []).filter((entry) => READS.has(entry.interaction) && entry.partner === partner);
    const shown = patients.length > 0 ? patients : [ABOUT_NOBODY];
    const others = entries.length > shown.length * readsAtMost ? [broken(`the read ${requestId} of ${partner} showed data of ${shown.length} and has ${entries.length} audit entries`)] : [];
    const each = shown.flatMap((whose): Violation[] => {
      const count = entries.filter(({ patient = ABOUT_NOBODY }) => patient === whose).length;
      return count >= 1 && count <= readsAtMost ? [] : [broken(`the read ${requestId} showed ${partner} data of ${whose} and has ${count} audit entries of it`)];
    });
    return [...each, ...others];
  });
}

/** An entry for each webhook that came, to whom it came, about the person it was about. */
function deliveriesAudited({ subscribers, arrived, asked }: History, byRequest: ReadonlyMap<string, readonly Audited[]>): Violation[] {
  const partnerOf = new Map(subscribers.map(({ name, partner }) => [name, partner]));
  const personOf = new Map(asked.flatMap(({ announces }) => announces).map(({ focus, person }) => [focus, person]));
  const named = arrived.filter(({ focus }) => focus !== undefined);
  return [...Map.groupBy(named, ({ webhookId }) => webhookId)].flatMap(([webhookId, copies]): Violation[] => {
    const { subscription, focus, number } = copies[0]!;
    const person = personOf.get(focus!);
    const entries = (byRequest.get(webhookId) ?? []).filter((entry) => entry.interaction === 'deliver' && entry.partner === partnerOf.get(subscription) && (person === undefined || entry.patient === person));
    return entries.length >= copies.length ? [] : [broken(`event ${number} of ${subscription} came ${copies.length} times and has ${entries.length} audit entries of it`)];
  });
}

/** As many entries as attempts: some of these never came to anything, and are told of all the same. */
function attemptsAudited({ attempted }: History, byRequest: ReadonlyMap<string, readonly Audited[]>): Violation[] {
  return attempted.flatMap(({ webhookId, attempts }): Violation[] => {
    const count = (byRequest.get(webhookId) ?? []).filter(({ interaction }) => interaction === 'deliver').length;
    return count === attempts ? [] : [broken(`${webhookId} was attempted ${attempts} times and has ${count} audit entries`)];
  });
}
