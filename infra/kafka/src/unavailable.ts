/** A Kafka broker cannot be run here by Baton itself. The message says why, and what to do instead. */
export class KafkaUnavailable extends Error {
  override readonly name = 'KafkaUnavailable';

  /** @param why a clause without a full stop, e.g. `java was not found` */
  constructor(why: string, options?: ErrorOptions) {
    super(`A local Kafka broker cannot run here: ${why}. Point Baton at a broker of your own instead: KAFKA_BROKERS=host:9092,host:9092 (Apache Kafka 4).`, options);
  }
}
