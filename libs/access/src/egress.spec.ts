import { egressPolicy, judgeAddress, readEndpointUrl } from './egress.js';

const open = egressPolicy({});
const loopback = egressPolicy({ BATON_EGRESS_ALLOW: '127.0.0.0/8, ::1/128' });
const production = egressPolicy({ BATON_EGRESS_ALLOW: '10.20.0.0/16', NODE_ENV: 'production' });
const https = { secure: true, port: 443 };

const ruleOf = (url: string, policy = open): string => {
  const read = readEndpointUrl(url, policy);
  return 'rule' in read ? read.rule : 'allowed';
};

describe('an address', () => {
  it.each([
    // loopback, this host, broadcast
    '127.0.0.1', '127.255.255.254', '0.0.0.0', '0.1.2.3', '255.255.255.255', '::1', '::',
    // private, carrier-grade NAT, link-local with metadata services
    '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', '100.127.255.255', '100.100.100.200',
    '169.254.169.254', '169.254.170.2', '192.0.0.192', '168.63.129.16', 'fd00:ec2::254', 'fe80::1', 'fe80::1%eth0',
    // unique local, site-local, multicast, reserved, documentation, benchmarking
    'fc00::1', 'fdff::1', 'fec0::1', '224.0.0.1', '239.255.255.255', 'ff02::1', '240.0.0.1', '192.0.2.1', '198.51.100.1',
    '203.0.113.1', '198.18.0.1', '2001:db8::1', '3fff::1', '5f00::1', '100::1', '2001:2::1', '2001:10::1', '4000::1',
    // IPv4 in IPv6 clothes: mapped, compatible, translated, NAT64, 6to4, Teredo; also of public addresses
    '::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '::127.0.0.1', '::8.8.8.8', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1', '64:ff9b::808:808',
    '64:ff9b:1::7f00:1', '2002:7f00:1::', '2001:0:7f00:1::', '2001::1',
    // none at all
    '', 'localhost', '1.2.3.4.5', '::1::',
  ])('%s is not public', (address) => {
    expect(judgeAddress(address, https, open)).toBe('endpoint-address-not-public');
  });

  it.each(['8.8.8.8', '51.140.1.1', '172.15.0.1', '172.32.0.1', '100.63.255.255', '100.128.0.1', '169.253.0.1', '2606:4700::1111', '2a00:23c0::1'])('%s is public', (address) => {
    expect(judgeAddress(address, https, open)).toBeUndefined();
  });

  it('of an allowed network is allowed in every spelling, on any port, without TLS', () => {
    for (const address of ['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::ffff:7f00:1', '::1']) expect(judgeAddress(address, { secure: false, port: 9999 }, loopback)).toBeUndefined();
    for (const address of ['10.0.0.1', '::2', '::127.0.0.1']) expect(judgeAddress(address, https, loopback)).toBe('endpoint-address-not-public');
  });

  it('that is public needs https and a port for it', () => {
    expect(judgeAddress('8.8.8.8', { secure: false, port: 80 }, loopback)).toBe('endpoint-not-https');
    expect(judgeAddress('8.8.8.8', { secure: true, port: 8443 }, open)).toBeUndefined();
    for (const port of [22, 25, 80, 5432, 6379, 9092]) expect(judgeAddress('8.8.8.8', { secure: true, port }, open)).toBe('endpoint-port');
  });

  it('needs https in production even where its network is allowed', () => {
    expect(judgeAddress('10.20.0.1', { secure: true, port: 9000 }, production)).toBeUndefined();
    expect(judgeAddress('10.20.0.1', { secure: false, port: 9000 }, production)).toBe('endpoint-not-https');
  });
});

describe('an endpoint URL', () => {
  it.each([
    ['https://hooks.example/fhir', 'allowed'],
    ['https://hooks.example:8443/a?b=c', 'allowed'],
    ['https://8.8.8.8/', 'allowed'],
    ['https://8.8.8.8:22/', 'endpoint-port'],
    ['http://hooks.example/', 'endpoint-not-https'],
    ['hooks.example', 'endpoint-not-a-url'],
    ['/hook', 'endpoint-not-a-url'],
    ['', 'endpoint-not-a-url'],
    ['https://', 'endpoint-not-a-url'],
    ['https://a b/', 'endpoint-not-a-url'],
    ['https://hooks.example/\r\nX: y', 'endpoint-not-a-url'],
    ['https://hooks.example\\@127.0.0.1/', 'endpoint-not-a-url'],
    ['https://hooks.example:99999/', 'endpoint-not-a-url'],
    ['ftp://hooks.example/', 'endpoint-scheme'],
    ['file:///etc/passwd', 'endpoint-scheme'],
    ['gopher://127.0.0.1:6379/_x', 'endpoint-scheme'],
    ['javascript:alert(1)', 'endpoint-scheme'],
    ['https://user:pass@hooks.example/', 'endpoint-credentials-in-url'],
    ['https://8.8.8.8@127.0.0.1/', 'endpoint-credentials-in-url'],
    ...[
      '127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001', '0', '127.0.0.1.',
      '１２７.０.０.１', '127。0。0。1', '%31%32%37.0.0.1', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:7f00:0001]',
      '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[fd00:ec2::254]', '169.254.169.254', '0xa9fea9fe', '2852039166', '0251.0376.0251.0376', '169.254.43518',
    ].map((host) => [`https://${host}/`, 'endpoint-address-not-public']),
  ])('%s: %s', (url, rule) => {
    expect(ruleOf(url)).toBe(rule);
  });

  it('may be plain http where its network is allowed, but never in production', () => {
    expect(ruleOf('http://127.0.0.1:9000/hook', loopback)).toBe('allowed');
    expect(ruleOf('http://[::1]:9000/hook', loopback)).toBe('allowed');
    expect(ruleOf('http://8.8.8.8/hook', loopback)).toBe('endpoint-not-https');
    expect(ruleOf('http://10.20.1.1/hook', production)).toBe('endpoint-not-https');
    expect(ruleOf('https://10.20.1.1:9443/hook', production)).toBe('allowed');
  });
});

describe('BATON_EGRESS_ALLOW', () => {
  it('names every entry that is no CIDR', () => {
    expect(() => egressPolicy({ BATON_EGRESS_ALLOW: '10.0.0.0/8 127.0.0.1, 10/8 10.0.0.0/33 ::/129 example.com/8 *' })).toThrow(
      /^BATON_EGRESS_ALLOW: 127\.0\.0\.1 .*; 10\/8 .*; 10\.0\.0\.0\/33 .*; ::\/129 .*; example\.com\/8 .*; \* is not/,
    );
  });

  it.each(['127.0.0.0/8', '127.0.0.1/32', '0.0.0.0/0', '::/0', '::1/128', '169.254.169.254/32', '128.0.0.0/0', 'fe80::/64'])('in production does not take %s', (cidr) => {
    expect(() => egressPolicy({ BATON_EGRESS_ALLOW: cidr, NODE_ENV: 'production' })).toThrow(/production refuses/);
    expect(() => egressPolicy({ BATON_EGRESS_ALLOW: cidr })).not.toThrow();
  });
});
