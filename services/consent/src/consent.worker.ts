import { batonActs, crashPoint, newEventId } from '@baton/kernel';
import { isUnavailable, statement, type Database } from '@baton/postgres';
import { errorFields, type Log, type Worker } from '@baton/service-host';
import { judgeAgain } from './consent.consumer.js';
import { lockPersons, personState } from './person.store.js';

const DUE = statement(`SELECT person::text AS person, patient FROM consent.person_lock WHERE next_at <= statement_timestamp() ORDER BY next_at LIMIT 100`);

// Asked each second. Where nothing changed no referral, decision or person is looked at, and no transaction begins.
const ANYTHING = statement(`
  SELECT EXISTS (SELECT FROM consent.person_lock WHERE next_at <= statement_timestamp()) AS due,
    EXISTS (SELECT FROM directory.recipient_v1 now WHERE NOT EXISTS (SELECT FROM consent.service_recipient k WHERE k.service = now.service AND k.partner = now.partner))
      OR EXISTS (SELECT FROM consent.service_recipient k WHERE NOT EXISTS (SELECT FROM directory.recipient_v1 now WHERE now.service = k.service AND now.partner = k.partner)) AS services`);

// Referrals and decisions that name a service whose partners changed with the pathway are due; then the new list is kept.
const SERVICES = statement(`
  WITH now AS (SELECT DISTINCT service, partner FROM directory.recipient_v1),
  changed AS (
    SELECT service FROM (SELECT service, partner FROM now EXCEPT SELECT service, partner FROM consent.service_recipient) more
    UNION SELECT service FROM (SELECT service, partner FROM consent.service_recipient EXCEPT SELECT service, partner FROM now) less),
  concerned AS (
    SELECT patient FROM consent.sharing WHERE service IN (SELECT service FROM changed)
    UNION SELECT patient FROM consent.decision WHERE EXISTS (SELECT FROM changed) AND services && ARRAY(SELECT service FROM changed)),
  due AS (
    UPDATE consent.person_lock l SET next_at = clock_timestamp()
    WHERE EXISTS (SELECT FROM changed) AND EXISTS (SELECT FROM concerned c WHERE l.person = coalesce((SELECT p.person FROM directory.person_v1 p WHERE p.patient = c.patient), md5(c.patient)::uuid))),
  less AS (DELETE FROM consent.service_recipient k WHERE NOT EXISTS (SELECT FROM now n WHERE n.service = k.service AND n.partner = k.partner))
  INSERT INTO consent.service_recipient (service, partner) SELECT service, partner FROM now ON CONFLICT DO NOTHING`);

export interface JudgingOptions {
  readonly database: Database;
  readonly log: Log;
  readonly everyMs?: number;
}

/**
 * Judges persons again when time, a link of persons or a new pathway asks for it: a decision begins or ends to hold. Access rows
 * carry their own times and need no worker; what it adds is that referrals are decided anew, and announced.
 */
export class JudgingAgain implements Worker {
  readonly name = 'consent.judging-again';
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();
  private failing = false;

  constructor(private readonly options: JudgingOptions) {}

  start(): void {
    const { everyMs = 1_000, log } = this.options;
    const next = (): void => {
      this.timer = setTimeout(() => {
        this.running = this.once()
          .then(
            () => void (this.failing = false),
            (error: unknown) => {
              if (!this.failing && !isUnavailable(error)) log.error('persons could not be judged again', errorFields(error));
              this.failing = true;
            },
          )
          .finally(() => this.timer && next());
      }, everyMs);
    };
    next();
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    await this.running;
  }

  health(): 'ok' | 'failing' {
    return this.failing ? 'failing' : 'ok';
  }

  /** One round: who is due now is judged, each person in a transaction of its own. */
  async once(): Promise<void> {
    const { database } = this.options;
    const [is] = await database.query<{ due: boolean; services: boolean }>(ANYTHING);
    if (is!.services) await database.transaction((tx) => tx.query(SERVICES));
    crashPoint('consent.services-compared');
    if (!is!.due && !is!.services) return;
    for (const { person, patient } of await database.query<{ person: string; patient: string | null }>(DUE)) {
      const id = newEventId();
      await database.transaction(async (tx) => {
        const [, state] = await Promise.all([lockPersons(tx, [person]), personState(tx, { person, patient })]);
        await judgeAgain(tx, batonActs({ requestId: id, correlationId: id }), state, {});
        crashPoint('consent.person-judged-again');
      });
    }
  }
}
