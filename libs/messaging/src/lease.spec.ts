import type { Database } from '@baton/postgres';
import { Lease } from './lease.js';

describe('A lease', () => {
  it('is given back behind whatever is on its way to take it, so that the next one need not wait until it runs out', async () => {
    const came: string[] = [];
    let answer = (): void => undefined;
    const database = {
      query: async ({ text }: { text: string }): Promise<object[]> => {
        const takes = text.includes('RETURNING');
        if (takes) await new Promise<void>((resolve) => (answer = resolve));
        came.push(takes ? 'taken' : 'given back');
        return takes ? [{ epoch: 1 }] : [];
      },
    } as unknown as Database;
    const lease = new Lease(database, 'referrals', 'me', 3000);
    const taking = lease.take();
    const releasing = lease.release();
    answer();
    await Promise.all([taking, releasing]);
    expect([came, lease.epoch]).toEqual([['taken', 'given back'], undefined]);
  });
});
