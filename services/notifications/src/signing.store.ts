import type { Sealer } from '@baton/access';
import { crashPoint, newId } from '@baton/kernel';
import { statement, type Fragment, type Tx } from '@baton/postgres';
import type { KeyObject } from 'node:crypto';
import { keyOf, newSecret } from './signature.js';

/** How long a secret goes on signing beside the one that replaces it. */
const OVERLAP = '24 hours';

const placeOf = (partner: string): string => `SigningSecret/${partner}`;

/** A secret, shown this once. */
export interface ShownSecret {
  readonly id: string;
  /** `whsec_…` */
  readonly secret: string;
  readonly createdAt: Date;
  /** Until when the secrets before it sign as well. */
  readonly othersUntil: Date | null;
}

const retire = statement(`
  UPDATE notifications.signing_secret SET retires_at = least(retires_at, clock_timestamp() + CASE WHEN shown THEN interval '${OVERLAP}' ELSE interval '0' END)
  WHERE partner = $1 AND (retires_at IS NULL OR retires_at > clock_timestamp()) RETURNING shown, retires_at`);
const add = statement(`INSERT INTO notifications.signing_secret (id, partner, sealed, shown) VALUES ($1, $2, $3, true) RETURNING created_at`);

/** Makes a partner's new signing secret. Those it had sign on for a day, so that the partner can change over without losing anything. */
export async function addSecret(tx: Tx, sealer: Sealer, partner: string): Promise<ShownSecret> {
  const [id, secret] = [newId(), newSecret()];
  const before = await tx.query<{ shown: boolean; retires_at: Date }>(retire, [partner]);
  const [added] = await tx.query<{ created_at: Date }>(add, [id, partner, sealer.seal(secret, placeOf(partner))]);
  crashPoint('signing.secret-added');
  const until = before.filter(({ shown }) => shown).map(({ retires_at }) => retires_at.getTime());
  return { id, secret, createdAt: added!.created_at, othersUntil: until.length === 0 ? null : new Date(Math.max(...until)) };
}

/** A secret for a partner that has none yet, so that its very first delivery is signed; to be replaced by one that is shown. */
export const firstSecret = (sealer: Sealer, partner: string): Fragment => ({
  sql: `INSERT INTO notifications.signing_secret (id, partner, sealed, shown)
    SELECT $1::uuid, $2::text, $3, false WHERE NOT EXISTS (SELECT FROM notifications.signing_secret g WHERE g.partner = $2::text AND (g.retires_at IS NULL OR g.retires_at > statement_timestamp()))`,
  values: [newId(), partner, sealer.seal(newSecret(), placeOf(partner))],
});

const KEPT = 1000;

/** Keys of sealed secrets, each made once. */
export class SigningKeys {
  private readonly keys = new Map<string, KeyObject>();

  constructor(private readonly sealer: Sealer) {}

  of(partner: string, sealed: readonly string[]): KeyObject[] {
    return sealed.map((one) => {
      let key = this.keys.get(one);
      if (!key) {
        if (this.keys.size >= KEPT) this.keys.clear();
        key = keyOf(this.sealer.unseal(one, placeOf(partner)));
        this.keys.set(one, key);
      }
      return key;
    });
  }
}
