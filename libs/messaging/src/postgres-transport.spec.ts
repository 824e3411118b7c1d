import { newId } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { describeTransport } from './conformance.js';
import { PostgresTransport } from './postgres-transport.js';
import { twoServices } from './spec/two-services.js';
import type { Transport } from './transport.js';

describeTransport('the log in PostgreSQL', async () => {
  const services = await twoServices();
  const connections = new Map<Transport, Database>();
  return {
    freshTopic: async () => `baton.referrals.conformance-${newId()}`,
    publisher: async () => new PostgresTransport({ database: services.referrals, schema: 'referrals' }),
    subscriber: async () => {
      const database = await services.test.open('consent', [], { poolSize: 3 });
      const transport = new PostgresTransport({ database, schema: 'consent', leaseMs: 900 });
      connections.set(transport, database);
      return transport;
    },
    // Without its connection a member can neither renew, nor commit, nor say that it leaves.
    kill: async (transport) => {
      await connections.get(transport)?.close();
      void transport.close();
    },
    close: () => services.drop(),
  };
});
