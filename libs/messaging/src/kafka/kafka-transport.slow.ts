import { applyTopics, kafkaForTests, planFor } from '@baton/kafka';
import { newId } from '@baton/kernel';
import { describeTransport } from '../conformance.js';
import type { Transport } from '../transport.js';
import { cuttableSockets } from './cut-off.fixture.js';
import { KafkaTransport } from './kafka-transport.js';

const kafka = await kafkaForTests();

if (!kafka) describe.skip('The transport port on Kafka', () => it.todo('needs a broker'));
else {
  describeTransport('Kafka', async () => {
    const brokers = kafka.brokers.split(',');
    const cuts = new Map<Transport, ReturnType<typeof cuttableSockets>>();
    const killed: Promise<void>[] = [];
    return {
      freshTopic: async () => {
        const topic = `baton.referrals.conformance-${newId()}`;
        await applyTopics(kafka.brokers, [planFor(topic)]);
        return topic;
      },
      publisher: async () => new KafkaTransport({ brokers, schema: 'referrals' }),
      subscriber: async () => {
        const sockets = cuttableSockets();
        const transport = new KafkaTransport({ brokers, schema: 'consent', sessionMs: 6000, connection: { socketFactory: sockets.socketFactory } });
        cuts.set(transport, sockets);
        return transport;
      },
      // Without its connections a member can neither commit, nor say that it leaves. When its time is over, they let it end.
      kill: async (transport) => {
        const { cut, mend } = cuts.get(transport)!;
        cut();
        setTimeout(mend, 8000).unref();
        killed.push(transport.close());
      },
      close: async () => void (await Promise.all(killed)),
    };
  });
}
