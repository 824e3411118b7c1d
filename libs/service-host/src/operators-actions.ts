import { auditOf, writeAudit, type Audited } from '@baton/access';
import type { Caller } from '@baton/kernel';
import type { Alongside } from '@baton/messaging';
import type { Host } from './service.js';

/** What operators do, each with its audit entry: reads before they are answered, changes in their own transaction. */
export class OperatorsActions {
  constructor(private readonly host: Pick<Host, 'audit'>) {}

  /** @param did what, with topic, key and ids; no content */
  async read<T>(caller: Caller, did: string, find: () => Promise<T>, about: (found: T) => Partial<Audited> = () => ({})): Promise<T> {
    const found = await find();
    await this.host.audit.record([auditOf(caller, { interaction: 'operate', query: did, ...about(found) })]);
    return found;
  }

  changes(caller: Caller, did: string): Alongside {
    return (tx) => writeAudit(tx, [auditOf(caller, { interaction: 'operate', query: did })]);
  }
}
