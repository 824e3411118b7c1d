import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withAdmin, type KafkaConnection } from './admin.js';
import { Broker, type Machine } from './broker.js';
import { findJars } from './jars.js';
import { freePorts } from './ports.js';
import { loginFormatting, loginSettings, saslOf, type Login } from './logins.js';
import { findJava } from './programs.js';
import { brokerSettings, HOST, type BrokerPlace } from './settings.js';
import { KafkaUnavailable } from './unavailable.js';
import { Watchdog } from './watchdog.js';

export interface StartKafkaOptions {
  /** A folder for the data, made if missing and kept for the next start. Without it, one in the temporary folder that goes away with the brokers. */
  readonly home?: string;
  /** How many; each is controller as well. One, or three for fail-over. */
  readonly brokers?: number;
  /** Port of the first broker; a free one if left out. */
  readonly port?: number;
  /** Further settings of every broker, as in `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Who may connect, by user name and password; the first may do everything, the others what rules allow. Without it everybody may do everything. */
  readonly logins?: readonly Login[];
  /** Told when a broker died, which is then started again. Without it, one that died stays down. */
  readonly restarts?: (says: string) => void;
}

/** Kafka brokers of our own. They end with this process, however that ends. */
export interface LocalKafka {
  /** `host:port,host:port`: what `KAFKA_BROKERS` says. */
  readonly brokers: string;
  /** Process ids, in the order of `brokers`; undefined for one that does not run. */
  readonly pids: readonly (number | undefined)[];
  /** Ends broker n (1, 2 …) at once, like a power cut; its data stays. */
  kill(n: number): Promise<void>;
  /** Starts broker n again on its data. */
  start(n: number): Promise<void>;
  /** Lets broker n stand still, with its connections open, until `thaw`. */
  freeze(n: number): void;
  thaw(n: number): void;
  /** Ends all of them in an orderly way, and removes a temporary folder. May be called again. */
  stop(): Promise<void>;
}

const TRIES = 3;
const ANSWERS_WITHIN = 90_000;

/**
 * Starts Apache Kafka in KRaft mode from its jars, and waits until it answers.
 * @throws KafkaUnavailable where that is not possible: it names what is missing, and the way out
 */
export async function startKafka(options: StartKafkaOptions = {}): Promise<LocalKafka> {
  const java = await findJava();
  const jars = await findJars();
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(options, { java, jars });
    } catch (error) {
      // Somebody took a port in the meantime.
      if (attempt >= TRIES || options.port !== undefined || !/BindException|Address already in use/.test(String(error))) throw error;
    }
  }
}

async function startOnce(options: StartKafkaOptions, found: Omit<Machine, 'watchdog'>): Promise<LocalKafka> {
  const folder = await folderFor(options.home);
  const watchdog = new Watchdog(options.home === undefined ? folder : undefined);
  const { cluster, places } = await layOut(folder, options);
  const { logins = [], settings } = options;
  const brokers = places.map((place) => new Broker(place, brokerSettings(place, places, { ...loginSettings(logins), ...settings }), { ...found, watchdog }));
  const addresses = places.map(({ port }) => `${HOST}:${port}`);
  const running = new RunningKafka(addresses, brokers, watchdog, logins[0] ? { sasl: saslOf(logins[0]) } : {});
  try {
    await Promise.all(brokers.map((broker) => broker.format(cluster, [...(brokers.length === 1 ? ['--standalone'] : []), ...loginFormatting(logins)])));
    brokers.forEach((broker) => broker.start());
    await running.answers();
    if (options.restarts) for (const broker of brokers) broker.keepRunning(options.restarts);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

class RunningKafka implements LocalKafka {
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly addresses: readonly string[],
    private readonly all: readonly Broker[],
    private readonly watchdog: Watchdog,
    private readonly connection: KafkaConnection,
  ) {}

  get brokers(): string {
    return this.addresses.join(',');
  }

  get pids(): (number | undefined)[] {
    return this.all.map(({ pid }) => pid);
  }

  kill(n: number): Promise<void> {
    return this.broker(n).end('SIGKILL');
  }

  async start(n: number): Promise<void> {
    this.broker(n).start();
    await this.answers();
  }

  freeze(n: number): void {
    this.broker(n).freeze();
  }

  thaw(n: number): void {
    this.broker(n).thaw();
  }

  stop(): Promise<void> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  /** Waits until every broker that was started is part of the cluster. @throws KafkaUnavailable if one ends, or it takes too long */
  async answers(): Promise<void> {
    const started = this.all.filter(({ pid }) => pid !== undefined);
    for (const deadline = Date.now() + ANSWERS_WITHIN; ; await sleep(100)) {
      const ended = started.find(({ pid }) => pid === undefined);
      if (ended || started.length === 0) throw new KafkaUnavailable(`broker ${ended?.place.id ?? 1} ended while it started (${(await ended?.complaints()) ?? 'no process'})`);
      if ((await this.members()) >= started.length) return;
      if (Date.now() > deadline) throw new KafkaUnavailable(`the brokers did not answer within ${ANSWERS_WITHIN / 1000} s (${await started[0]!.complaints()})`);
    }
  }

  private async members(): Promise<number> {
    try {
      return await withAdmin(this.brokers, async (admin) => (await admin.describeCluster()).brokers.length, { retry: { retries: 0 }, connectionTimeout: 1000, requestTimeout: 3000, ...this.connection });
    } catch {
      return 0;
    }
  }

  private async end(): Promise<void> {
    // Three at once would each wait for a quorum that is going away: only one alone has something to tidy.
    await Promise.all(this.all.map((broker) => broker.end(this.all.length === 1 ? 'SIGTERM' : 'SIGKILL')));
    await this.watchdog.end();
  }

  private broker(n: number): Broker {
    const found = this.all[n - 1];
    if (!found) throw new RangeError(`There are brokers 1 to ${this.all.length}, not ${n}`);
    return found;
  }
}

async function folderFor(home: string | undefined): Promise<string> {
  if (home === undefined) return realpath(await mkdtemp(join(tmpdir(), 'baton-kafka-')));
  await mkdir(home, { recursive: true, mode: 0o700 });
  return realpath(home);
}

interface Layout {
  readonly cluster: string;
  readonly places: readonly BrokerPlace[];
}

/** A home that was used before keeps its cluster and its ports: the data names them. */
async function layOut(folder: string, { brokers = 1, port }: StartKafkaOptions): Promise<Layout> {
  const file = join(folder, 'cluster.json');
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as Layout;
  const ports = await freePorts(brokers * 2);
  const places = Array.from({ length: brokers }, (_, i) => ({ id: i + 1, port: i === 0 && port !== undefined ? port : ports[i * 2]!, controllerPort: ports[i * 2 + 1]!, folder: join(folder, `broker-${i + 1}`) }));
  const layout: Layout = { cluster: clusterId(), places };
  await writeFile(file, JSON.stringify(layout));
  return layout;
}

/** A UUID as Kafka writes it: 16 bytes, 22 letters, not a dash first (it would read as an option). */
function clusterId(): string {
  for (;;) {
    const id = randomBytes(16).toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
