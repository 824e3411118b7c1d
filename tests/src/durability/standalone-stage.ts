import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@baton/testing';
import { PartnerSystem } from '../partner-system.js';
import { BatonProcess, killPostgresOf, type Arm, type End, type Place } from './baton-process.js';
import type { Stage } from './stage.js';

const DIES_WITHIN_MS = 30_000;

/** A home of the embedded whole, as `npm start` runs it. */
export class StandaloneStage implements Stage {
  readonly readsAtMost = 1;
  private baton: BatonProcess | undefined;
  private compiled = false;

  private constructor(
    readonly folder: string,
    private readonly place: Place,
  ) {}

  /** An empty home; nothing is started. @param env settings beside the usual ones */
  static async open(env: Readonly<Record<string, string>> = {}): Promise<StandaloneStage> {
    const folder = await mkdtemp(join(tmpdir(), 'baton-durability-'));
    const place = { home: join(folder, 'home'), port: await freePort(), env };
    await mkdir(place.home, { mode: 0o700 });
    return new StandaloneStage(folder, place);
  }

  get address(): string {
    return `http://127.0.0.1:${this.place.port}`;
  }

  get home(): string {
    return this.place.home;
  }

  system(partner: string): PartnerSystem {
    return new PartnerSystem({ home: this.place.home, address: this.address, fhirBase: `${this.address}/fhir/R4` }, partner);
  }

  async start(...arms: readonly Arm[]): Promise<void> {
    // An orderly end keeps the compiled code for the starts to come.
    if (this.baton && !this.compiled) this.compiled = (await this.baton.stop()).code === 0;
    else await this.baton?.kill();
    this.baton = await BatonProcess.start(this.place, arms);
  }

  death(within = DIES_WITHIN_MS): Promise<End | undefined> {
    return this.baton!.endWithin(within);
  }

  stop(): Promise<End> {
    return this.baton!.stop();
  }

  killPostgres(): Promise<void> {
    return killPostgresOf(this.home);
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.address}/metrics`)).text();
  }

  async close({ keep = false } = {}): Promise<void> {
    await this.baton?.stop();
    if (!keep) await rm(this.folder, { recursive: true, force: true });
  }
}
