import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEngines, startApart, type Apart, type Engines } from '@baton/apart';
import { startKafka, type LocalKafka } from '@baton/kafka';
import type { Schema } from '@baton/postgres';
import { HostConfig, readConfig } from '@baton/service-host';
import { withLoopback } from '@baton/standalone';
import { COMPILED, eventually, freePort } from '@baton/testing';
import { crashAt, killPostgresOf, type Arm, type End } from '../durability/baton-process.js';
import type { Ends } from '../durability/once.js';
import type { Stage } from '../durability/stage.js';
import { PartnerSystem } from '../partner-system.js';
import { metricsOf } from '../placed.js';
import { ApartProcess } from './apart-process.js';

export interface ApartStageOptions {
  /** Settings of every process beside the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** One, or three for fail-over. */
  readonly brokers?: 1 | 3;
  /** Something that stands before the one broker. */
  readonly before?: BrokerFront;
}

/** Where the one broker listens, and where Baton is told that it does. */
export interface BrokerFront {
  readonly brokerPort: number;
  readonly port: number;
}

const INSTANCES = 2;
/** What one of two holds for itself (a lease, a partition) is not in reach of the other: after so long they change places. */
const CHANGES_PLACES_AFTER_MS = 6_000;
/** With more points than these nothing lives long enough to come to the later ones. */
const ARMED_AT_ONCE = 9;
const DIES_WITHIN_MS = 60_000;
const READY_WITHIN_MS = 90_000;

/**
 * A home whose services run in processes of their own, two of each behind a proxy, on Kafka. It is started once: what is killed is started again
 * by what watches over it, and nobody else does anything.
 */
export class ApartStage implements Stage {
  /** The proxy asks another process, once, where one breaks off before its answer. */
  readonly readsAtMost = 2;
  readonly processes: ApartProcess[] = [];
  private apart: Apart | undefined;
  private engines: Engines | undefined;
  /** Points that nobody has died at yet. */
  private arms: readonly Arm[] = [];
  /** Which of the two of each service is armed; the other one the next time. */
  private turn = 0;
  /** Both of each service are armed, as they are started. */
  private everybody = false;
  private deaths: End[] = [];

  private constructor(
    readonly folder: string,
    readonly kafka: LocalKafka,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** An empty home and a running Kafka. @throws KafkaUnavailable */
  static async open({ env = {}, brokers = 1, before }: ApartStageOptions = {}): Promise<ApartStage> {
    const folder = await mkdtemp(join(tmpdir(), 'baton-resilience-'));
    await mkdir(join(folder, 'home'), { mode: 0o700 });
    const front = before && { port: before.brokerPort, settings: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${before.port}` } };
    const kafka = await startKafka({ home: join(folder, 'kafka'), brokers, ...front });
    const inherited = Object.fromEntries(['PATH', 'HOME', 'TMPDIR'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
    const given = {
      ...inherited,
      ...COMPILED,
      BATON_HOME: join(folder, 'home'),
      BATON_PORT: String(await freePort()),
      BATON_LOG_LEVEL: 'warn',
      BATON_CHECK_EVENTS: '1',
      KAFKA_BROKERS: before ? `127.0.0.1:${before.port}` : kafka.brokers,
      ...env,
    };
    return new ApartStage(folder, kafka, withLoopback(given) as Record<string, string>);
  }

  get home(): string {
    return this.env['BATON_HOME']!;
  }

  /** Addresses of the brokers, as Baton has them. */
  get brokers(): string {
    return this.env['KAFKA_BROKERS']!;
  }

  get address(): string {
    return `http://127.0.0.1:${this.env['BATON_PORT']}`;
  }

  system(partner: string): PartnerSystem {
    return new PartnerSystem({ home: this.home, address: this.address, fhirBase: `${this.address}/fhir/R4` }, partner);
  }

  /** Arms one process of each service, by killing what runs in its place; or kills those that are armed. */
  async start(...arms: readonly Arm[]): Promise<void> {
    await this.arm(arms);
    await eventually(() => this.deaths.length > 0 || this.isReady(), { within: READY_WITHIN_MS, every: 50 });
    if (this.deaths.length > 0 && !this.everybody) await this.untilReady();
  }

  async death(within = DIES_WITHIN_MS): Promise<End | undefined> {
    const changeAt = Date.now() + CHANGES_PLACES_AFTER_MS;
    let changed = false;
    for (const deadline = Date.now() + within; this.deaths.length === 0; await sleep(20)) {
      if (Date.now() > deadline) return undefined;
      if (changed || Date.now() < changeAt) continue;
      changed = true;
      this.changePlaces();
    }
    return this.deaths[0];
  }

  /**
   * Arms every process with the first of these points, and whatever comes in its place with the first of those that are left, until somebody has died
   * at each, or the time is over and somebody has died at each that must be. Then nobody is armed.
   * @param within milliseconds; three times as long for what must be @returns how they died, by point
   */
  async dieAtEach(arms: readonly Arm[], within: number, musts: readonly Arm[] = []): Promise<Ends> {
    this.everybody = true;
    await this.start(...arms);
    this.changePlaces();
    const ends = (): Map<string, End> => new Map(this.deaths.map((end) => [end.reached[0]!, end]));
    const began = Date.now();
    const isOver = (): boolean => Date.now() - began > within && (Date.now() - began > 3 * within || musts.every(({ point }) => ends().has(point)));
    while (ends().size < arms.length && !isOver()) await sleep(20);
    const died = ends();
    this.everybody = false;
    await this.start();
    return died;
  }

  async stop(): Promise<End> {
    await this.endAll(this.processes.filter(({ armed }) => armed), 'SIGTERM');
    return this.deaths[0] ?? { code: 0, signal: null, reached: [] };
  }

  killPostgres(): Promise<void> {
    return killPostgresOf(this.home);
  }

  async metrics(): Promise<string> {
    return eventually(() => metricsOf(this.processes.map(({ address }) => address)), { within: READY_WITHIN_MS, every: 100 });
  }

  /** Waits until every process answers that all goes well in it. @throws naming those that do not, and what they say */
  async untilReady(): Promise<void> {
    await eventually(
      async () => {
        const failing = (await Promise.all(this.processes.map((each) => each.complaint()))).filter((says) => says !== undefined);
        if (failing.length > 0) throw new Error(`Not ready within ${READY_WITHIN_MS / 1000} s: ${failing.join('; ')}`);
      },
      { within: READY_WITHIN_MS, every: 50 },
    );
  }

  async close({ keep = false } = {}): Promise<void> {
    await this.apart?.stop();
    await this.engines?.close();
    await this.kafka.stop();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    return (await Promise.all(this.processes.map((each) => each.complaint()))).every((says) => says === undefined);
  }

  private async begin(): Promise<void> {
    const config = readConfig(HostConfig, this.env);
    this.engines = await openEngines(this.home, config);
    const placeOf = (service: Schema, instance: number): ApartProcess => {
      const known = this.processes.find((each) => each.name === service && each.instance === instance);
      if (known) return known;
      const made = new ApartProcess(service, instance, this.folder, (point) => this.reached(point), (end) => this.heardOf(end));
      this.processes.push(made);
      return made;
    };
    const envOf = (service: Schema, instance: number): Record<string, string> => {
      const place = placeOf(service, instance);
      place.armed = this.arms.length > 0 && (this.everybody || instance === this.turn);
      return place.armed ? crashAt(this.arms.slice(0, ARMED_AT_ONCE)) : {};
    };
    this.apart = await startApart({ config, engines: this.engines, instances: INSTANCES, env: this.env, envOf, witnessOf: placeOf });
    for (const [place, each] of this.apart.processes.entries()) placeOf(each.name as Schema, place % INSTANCES).runsAs(each);
  }

  private async arm(arms: readonly Arm[]): Promise<void> {
    if (!this.apart) await this.begin();
    this.arms = arms;
    this.deaths = [];
    if (arms.length > 0) this.turn = 1 - this.turn;
    await this.endAll(this.processes.filter((each) => each.armed || (arms.length > 0 && each.instance === this.turn)), 'SIGKILL');
  }

  /** Those that are not armed are asked to stop: what they held goes to the armed ones. */
  private changePlaces(): void {
    this.processes.filter(({ armed }) => !armed).forEach((each) => each.signal('SIGTERM'));
  }

  /** One has come to a point: nobody else shall. After the last one what is still armed is killed too. */
  private reached(point: string): void {
    this.arms = this.arms.filter((arm) => arm.point !== point);
    if (this.arms.length > 0) return;
    for (const each of this.processes) if (each.armed) each.signal('SIGKILL');
  }

  private heardOf(end: End): void {
    if (end.reached.length > 0) this.deaths.push(end);
  }

  private async endAll(those: readonly ApartProcess[], signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    await Promise.all(those.map((each) => each.end(signal)));
  }
}
