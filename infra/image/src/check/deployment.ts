import { mkdir, rm, writeFile } from 'node:fs/promises';
import { SERVICES } from '@baton/gateway';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CACHE } from './cache.js';
import type { Engine } from './engine.js';
import type { Images } from './images.js';
import { run, succeed } from './programs.js';

const TREE = fileURLToPath(new URL('../../../..', import.meta.url));
const PROJECT = 'baton-check';
const FILES = ['docker-compose.yml', 'infra/image/compose.check.yml'];
const HOME = join(CACHE, 'compose-home');
const READY_WITHIN_MS = 120_000;

/** Networks of Docker's own choice, where this machine is to be reached from a container. */
const NETWORKS = '172.16.0.0/12,192.168.0.0/16';

/** Where a Baton in containers is, for whoever tests it from outside. */
export interface Place {
  readonly address: string;
  /** A copy of its home: the demo partners' keys, the passwords of the roles, and in `secrets/admin-dsn` how this machine reaches the database. */
  readonly home: string;
  /** This machine, as the containers see it: webhooks go there. */
  readonly receivers: string;
  /** Each service itself, past the proxy. */
  readonly processes: readonly string[];
  /** A shell command that restarts every service; none of their addresses is new afterwards. */
  readonly restart: string;
}

/** The containers of docker-compose.yml, under a name of their own. */
export class Deployment {
  private readonly env: Readonly<Record<string, string>>;

  private constructor(
    private readonly engine: Engine,
    private readonly images: Images,
    private readonly port: number,
  ) {
    this.env = { ...engine.env, ...images, BATON_HOST: '127.0.0.1', BATON_PORT: String(port), BATON_PUBLIC_URL: this.address, BATON_LOG_LEVEL: 'warn', BATON_EGRESS_ALLOW: NETWORKS };
  }

  /** @param images of Baton and its engines; without them nothing can be started, only taken down */
  static async on(engine: Engine, images: Images = { BATON_IMAGE: 'none', POSTGRES_IMAGE: 'none', KAFKA_IMAGE: 'none' }): Promise<Deployment> {
    return new Deployment(engine, images, await freePort());
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts everything on empty volumes, and waits until requests are answered. @throws with what the containers said */
  async up(signal: AbortSignal): Promise<void> {
    await this.down();
    await this.compose(['up', '-d', '--no-build'], signal);
    await this.ready();
  }

  /** Waits until the proxy says that all is ready. */
  async ready(): Promise<void> {
    for (const deadline = Date.now() + READY_WITHIN_MS; ; await sleep(250)) {
      const answer = await fetch(`${this.address}/health/ready`, { signal: AbortSignal.timeout(5000) }).then(async (response) => ({ ok: response.ok, text: await response.text() }), (error: Error) => ({ ok: false, text: (error.cause as Error | undefined)?.message ?? error.message }));
      if (answer.ok) return;
      if (Date.now() > deadline) throw new Error(`Baton was not ready within ${READY_WITHIN_MS / 1000} s: ${answer.text}`);
    }
  }

  /** Kills the process of a container as the kernel would, not as an operator: that is what restart policies are for. @returns once it runs again and is healthy, after how many ms */
  async kill(service: string): Promise<number> {
    const began = performance.now();
    const [container, { pid, restarts }] = await this.stateOf(service);
    await this.docker(['run', '--rm', '--pid', 'host', '--network', 'none', '--user', '0:0', '--no-healthcheck', this.images.BATON_IMAGE, 'node', '-e', `process.kill(${pid}, 'SIGKILL')`]);
    for (const deadline = Date.now() + READY_WITHIN_MS; ; await sleep(250)) {
      const [, now] = await this.stateOf(service);
      if (now.restarts > restarts && now.health === 'healthy') return performance.now() - began;
      if (Date.now() > deadline) throw new Error(`${service} (${container}) was killed and did not come back: ${JSON.stringify(now)}`);
    }
  }

  /** Where all of it is. The copy of the home goes with the containers. */
  async place(): Promise<Place> {
    const [directory] = await this.stateOf('directory');
    await mkdir(HOME, { recursive: true, mode: 0o700 });
    await this.docker(['cp', `${directory}:/var/lib/baton/.`, HOME]);
    const password = await this.docker(['exec', (await this.stateOf('postgres'))[0], 'cat', '/administrator/password']);
    await writeFile(join(HOME, 'secrets', 'admin-dsn'), `postgres://postgres:${password}@${await this.inside('postgres')}:5432/baton\n`, { mode: 0o600 });
    const processes = await Promise.all(SERVICES.map(async ({ name }) => `http://${await this.inside(name)}:8080`));
    const receivers = await this.docker(['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}', `${PROJECT}_webhooks`]);
    return { address: this.address, home: HOME, receivers, processes, restart: this.restart() };
  }

  private restart(): string {
    const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
    const env = Object.entries(this.env).map(([name, value]) => `${name}=${quoted(value)}`);
    const command = [this.engine.compose[0], ...this.arguments(), 'restart', '--timeout', '10', ...SERVICES.map(({ name }) => name)];
    return `cd ${quoted(TREE)} && ${[...env, ...command.map(quoted)].join(' ')}`;
  }

  /** How the containers fare, and the last lines of each. */
  async report(): Promise<string> {
    const { out } = await run('docker', ['ps', '-a', '--filter', `label=com.docker.compose.project=${PROJECT}`, '--format', '{{.Names}}: {{.Status}}'], { env: this.env });
    const { said } = await run(this.engine.compose[0], [...this.arguments(), 'logs', '--tail', '15'], { cwd: TREE, env: this.env });
    return `${out}\n${said}`;
  }

  /** Removes the containers, their networks and their volumes. */
  async down(): Promise<void> {
    await rm(HOME, { recursive: true, force: true });
    await this.compose(['down', '--volumes', '--remove-orphans', '--timeout', '5']);
  }

  private async stateOf(service: string): Promise<[container: string, state: { pid: number; restarts: number; health: string }]> {
    const container = await this.compose(['ps', '-q', service]);
    const state = await this.docker(['inspect', '--format', '{"pid":{{.State.Pid}},"restarts":{{.RestartCount}},"health":"{{.State.Health.Status}}"}', container]);
    return [container, JSON.parse(state) as { pid: number; restarts: number; health: string }];
  }

  /** Address of a container in the network of what is stored; on Linux this machine can reach it. */
  private async inside(service: string): Promise<string> {
    return this.docker(['inspect', '--format', `{{(index .NetworkSettings.Networks "${PROJECT}_data").IPAddress}}`, (await this.stateOf(service))[0]]);
  }

  private docker(args: readonly string[]): Promise<string> {
    return succeed('docker', args, { env: this.env });
  }

  private arguments(): string[] {
    return [...this.engine.compose.slice(1), '-p', PROJECT, ...FILES.flatMap((file) => ['-f', file])];
  }

  private compose(args: readonly string[], signal?: AbortSignal): Promise<string> {
    return succeed(this.engine.compose[0], [...this.arguments(), ...args], { cwd: TREE, env: this.env, signal });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
