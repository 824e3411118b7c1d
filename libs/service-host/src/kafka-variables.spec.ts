import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { HostConfig, readConfig } from './config.js';
import { kafkaConnection } from './kafka-variables.js';

const SECRET = 'correct horse battery';

describe('How Kafka is reached', () => {
  const folder = mkdtempSync(join(tmpdir(), 'baton-kafka-variables-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  afterAll(() => rmSync(folder, { recursive: true }));

  const read = (env: Record<string, string>) => kafkaConnection(readConfig(HostConfig, { KAFKA_BROKERS: 'kafka:9092', ...env }));
  const complaints = (env: Record<string, string>): string => {
    try {
      readConfig(HostConfig, env);
      return '';
    } catch (error) {
      expect(String(error)).not.toContain(SECRET);
      return String(error);
    }
  };

  it('is plainly and as nobody, unless it is said otherwise', () => {
    expect(read({})).toEqual({});
    expect(read({ KAFKA_TLS: 'on' })).toEqual({ ssl: true });
    const ca = rootCertificates[0]!;
    expect(read({ KAFKA_TLS: 'on', KAFKA_CA_FILE: file('ca.pem', ca) })).toEqual({ ssl: { ca } });
  });

  it('is as the user that is named, by scram-sha-512 if nothing else is said, with a password from a file or the environment', () => {
    const sasl = { mechanism: 'scram-sha-512', username: 'baton-referrals', password: SECRET };
    expect(read({ KAFKA_USERNAME: 'baton-referrals', KAFKA_PASSWORD: SECRET })).toEqual({ sasl });
    expect(read({ KAFKA_USERNAME: 'baton-referrals', KAFKA_PASSWORD_FILE: file('password', `${SECRET}\n`) })).toEqual({ sasl });
  });

  it('does not show a password to the network: plain needs encryption, or brokers on this machine', () => {
    const login = { KAFKA_SASL_MECHANISM: 'plain', KAFKA_USERNAME: 'somebody', KAFKA_PASSWORD: SECRET };
    expect(complaints({ ...login, KAFKA_BROKERS: 'localhost:9092,kafka:9092' })).toMatch(/KAFKA_SASL_MECHANISM: plain shows the password/);
    expect(complaints({ ...login, KAFKA_BROKERS: 'localhost:9092, 127.0.0.1:9093,[::1]:9094' })).toBe('');
    expect(complaints({ ...login, KAFKA_BROKERS: 'kafka:9092', KAFKA_TLS: 'on' })).toBe('');
  });

  it.each([
    [{ KAFKA_USERNAME: 'somebody' }, /KAFKA_PASSWORD_FILE: is missing/],
    [{ KAFKA_PASSWORD: SECRET }, /KAFKA_USERNAME: is missing/],
    [{ KAFKA_USERNAME: 'somebody', KAFKA_PASSWORD: SECRET, KAFKA_PASSWORD_FILE: file('another', SECRET) }, /KAFKA_PASSWORD: set either/],
    [{ KAFKA_USERNAME: 'somebody', KAFKA_PASSWORD_FILE: '/nowhere' }, /^ConfigurationError: Configuration is wrong:\n {2}KAFKA_PASSWORD_FILE: no such file[^\n]*$/],
    [{ KAFKA_USERNAME: 'somebody', KAFKA_PASSWORD_FILE: file('empty', '\n') }, /KAFKA_PASSWORD_FILE: must not be empty/],
    [{ KAFKA_TLS: 'on', KAFKA_CA_FILE: file('no.pem', SECRET) }, /KAFKA_CA_FILE: must name a file of certificates/],
    [{ KAFKA_CA_FILE: file('root.pem', rootCertificates[0]!) }, /KAFKA_CA_FILE: does nothing without KAFKA_TLS=on/],
  ])('is refused where it does not fit together: %j', (env, says) => {
    expect(complaints({ KAFKA_BROKERS: 'kafka:9092', ...env })).toMatch(says);
  });

  it('is judged together with everything else, brokers that are missing too', () => {
    const said = complaints({ BATON_PORT: '99999', KAFKA_TLS: 'yes', KAFKA_USERNAME: 'somebody' });
    for (const each of [/BATON_PORT: /, /KAFKA_TLS: /, /KAFKA_PASSWORD_FILE: is missing/, /KAFKA_BROKERS: is missing/]) expect(said).toMatch(each);
  });
});
