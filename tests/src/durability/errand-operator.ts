import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Database, statement } from '@baton/postgres';
import type { Answer, PartnerSystem } from '../partner-system.js';
import { insist } from './errand-partner.js';

export const TOPIC = 'baton.referrals.referral';

/** Whoever is on call, by the operators' API of one service. Everything is asked for again until it shows. */
export class OnCall {
  constructor(
    private readonly system: PartnerSystem,
    private readonly service: string,
  ) {}

  /** Waits for what is shown of a key. */
  sees(what: string, key: string, wanted: (answer: Answer) => boolean): Promise<Answer> {
    return insist(what, () => this.look(key), wanted);
  }

  /** Does something, again and again, until it shows at the key. */
  does(what: string, path: string, body: object, key: string, wanted: (answer: Answer) => boolean): Promise<Answer> {
    const once = async (): Promise<Answer> => {
      await this.system.post(`/api/${this.service}/v1/${path}`, body, { 'content-type': 'application/json' });
      return this.look(key);
    };
    return insist(what, once, wanted);
  }

  /** What was given up of a key. */
  async discardedOf(key: string): Promise<{ id: string }[]> {
    const { body } = await insist('list what was given up', () => this.system.get(`/api/${this.service}/v1/discarded?limit=200`), ({ status }) => status === 200);
    return (body.discarded as { id: string; key: string }[]).filter((one) => one.key === key);
  }

  private look(key: string): Promise<Answer> {
    return this.system.get(`/api/${this.service}/v1/parked/${TOPIC}/${key}`);
  }
}

/** Does something to the data that no service of Baton would do; again, until the database is there. It must not matter how often. */
export async function tamper(home: string, text: string, values: readonly unknown[]): Promise<void> {
  const once = async (): Promise<Answer> => {
    const dsn = (await readFile(join(home, 'secrets', 'admin-dsn'), 'utf8')).trim();
    const database = await Database.open({ dsn, schema: 'referrals', poolSize: 2 });
    try {
      await database.query(statement(text), values);
    } finally {
      await database.close();
    }
    return { status: 200 } as Answer;
  };
  await insist('tamper with the data', once, ({ status }) => status === 200);
}
