import { answeredBefore, claim, keep, write, type Change, type IdempotencyClaim, type KeptAnswer, type ResourceAnswer } from '@baton/fhir-store';
import type { Caller } from '@baton/kernel';
import { roleOf, statement, type Tx } from '@baton/postgres';
import { FhirInteractions } from '@baton/service-host';

/** Interactions with any type, by the gateway: reads as itself, writes under the role of the service that stores the type. */
export class GatewayInteractions extends FhirInteractions {
  protected override carryOut(caller: Caller, idempotency: IdempotencyClaim | undefined, command: (tx: Tx) => Promise<Change<ResourceAnswer>>): Promise<ResourceAnswer> {
    return this.host.database.transaction(async (tx) => {
      const before = idempotency && (await claim<KeptAnswer>(tx, 'gateway', caller, idempotency));
      if (before) return answeredBefore(tx, caller, before);
      const own = tx.as(roleOf(this.rules.schema));
      const change = await command(own);
      await write(own, this.rules.schema, caller, change, { last: !idempotency });
      if (idempotency) await keepAnswer(tx, caller, idempotency, withoutBody(change.answer));
      return change.answer;
    });
  }
}

/** What is kept of an answer: everything but the body. */
export function withoutBody({ body: _body, ...kept }: ResourceAnswer): object {
  return kept;
}

/** Keeps an answer in the gateway's own schema. */
export async function keepAnswer(tx: Tx, caller: Caller, idempotency: IdempotencyClaim, answer: unknown): Promise<void> {
  const { sql, values } = keep('gateway', caller, idempotency, answer);
  await tx.query(statement(sql), values);
}
