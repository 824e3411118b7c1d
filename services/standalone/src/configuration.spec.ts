import { ConfigurationError } from '@baton/service-host';
import { notices, readStandaloneConfig } from './configuration.js';

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

  it('says what is allowed without being asked for, and what is asked for and not done', () => {
    expect(notices({})).toEqual([expect.stringContaining('loopback')]);
    expect(notices({ BATON_EGRESS_ALLOW: '10.0.0.0/8' })).toEqual([]);
    expect(notices({ NODE_ENV: 'production', KAFKA_BROKERS: 'broker:9092' })).toEqual([expect.stringContaining('KAFKA_BROKERS is set and not used yet')]);
  });
});
