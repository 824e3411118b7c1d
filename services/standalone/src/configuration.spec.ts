import { ConfigurationError, listenError } from '@baton/service-host';
import { notices, readStandaloneConfig, refuseBrokers, unknownVariables } from './configuration.js';

describe('the configuration of a whole Baton', () => {
  it('names every variable that is wrong at once, the networks of webhooks among them', () => {
    const read = () => readStandaloneConfig({ BATON_PORT: '99999', BATON_LOG_LEVEL: 'loud', BATON_EGRESS_ALLOW: '10.0.0.0/8 nonsense' });
    expect(read).toThrow(ConfigurationError);
    for (const said of [/BATON_PORT: /, /BATON_LOG_LEVEL: /, /BATON_EGRESS_ALLOW: nonsense is not a CIDR/]) expect(read).toThrow(said);
  });

  it('refuses webhooks to this machine in production, and only there', () => {
    expect(readStandaloneConfig({ BATON_EGRESS_ALLOW: '127.0.0.0/8' }).BATON_EGRESS_ALLOW).toBe('127.0.0.0/8');
    expect(() => readStandaloneConfig({ BATON_EGRESS_ALLOW: '127.0.0.0/8', NODE_ENV: 'production' })).toThrow(/BATON_EGRESS_ALLOW: .* production refuses/);
  });

  it('says what is allowed without being asked for, and by what events travel if not by the log', () => {
    expect(notices({})).toEqual([expect.stringContaining('loopback')]);
    expect(notices({ BATON_EGRESS_ALLOW: '10.0.0.0/8' })).toEqual([]);
    expect(notices({ NODE_ENV: 'production', KAFKA_BROKERS: 'broker:9092' })).toEqual([expect.stringContaining('events travel through Kafka (broker:9092)')]);
  });

  it('says which variables do nothing, and is silent about those that are known', () => {
    expect(unknownVariables({ BATON_PROT: '1', BATON_PORT: '1', BATON_CRASH_AT: 'x', BATON_CHECK_EVENTS: '1', BATON_KAFKA_JARS: 'x', OTHER: '1' })).toEqual([expect.stringMatching(/^not known, without effect: BATON_PROT \(/)]);
    expect(unknownVariables({ BATON_HOME: 'x' })).toEqual([]);
  });

  it.each([
    ['KafkaJSSASLAuthenticationError', 'SASL', /^KAFKA_USERNAME: Kafka does not let this user in/],
    ['KafkaJSConnectionClosedError', 'Closed connection', /^KAFKA_BROKERS: .*KAFKA_TLS or KAFKA_USERNAME/],
    ['KafkaJSConnectionError', 'Connection timeout', /^KAFKA_BROKERS: Kafka cannot be used \(Connection timeout\)$/],
  ])('names the variable where Kafka does not answer as it should: %s', (name, message, says) => {
    expect(() => refuseBrokers(Object.assign(new Error(message), { name }))).toThrow(says);
  });

  it.each([
    ['EACCES', 'BATON_PORT: this user has no right to port 99'],
    ['EADDRINUSE', 'BATON_PORT: port 99 is taken'],
    ['ENOTFOUND', 'BATON_HOST: nowhere is no address of this machine'],
    ['EADDRNOTAVAIL', 'BATON_HOST: nowhere is no address of this machine'],
  ])('names the variable where the server gets no address: %s', (code, says) => {
    const error = listenError(Object.assign(new Error('listen'), { code }), { BATON_PORT: 99, BATON_HOST: 'nowhere' });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as Error).message).toContain(says);
  });
});
