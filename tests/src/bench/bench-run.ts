import { PartnerSystem } from '../partner-system.js';
import { BatonProcess } from './baton-process.js';
import type { Window } from './figures.js';
import { exampleOf, makeFloors, type Floors } from './floors.js';
import { LoadProcess } from './load-process.js';
import { idIn, YoungPeople } from './young-people.js';

export interface Settings {
  /** Interleaved repeats of each measurement; medians are given. */
  readonly repeats: number;
  /** Seconds of one window. */
  readonly seconds: number;
  /** Connections at the same time. */
  readonly levels: readonly number[];
  /** Events of one messaging measurement. */
  readonly events: number;
  /** Webhooks of one window, at 100 a second. */
  readonly webhooks: number;
  /** Seconds of a profile. */
  readonly profiled: number;
  /** Referrals before anything is measured. */
  readonly warmUp: number;
  /** Young people whose referrals are searched. */
  readonly searched: number;
  /** Seconds of rest before idle memory is read. */
  readonly idle: number;
}

export const THOROUGH: Settings = { repeats: 5, seconds: 3, levels: [1, 8, 32], events: 10_000, webhooks: 1_000, profiled: 8, warmUp: 1_500, searched: 20, idle: 10 };
export const QUICK: Settings = { repeats: 2, seconds: 0.5, levels: [1, 8, 32], events: 2_000, webhooks: 100, profiled: 1, warmUp: 500, searched: 8, idle: 2 };

/** One Baton under load, the load generator, and the partners that use it. */
export class BenchRun {
  private constructor(
    readonly settings: Settings,
    readonly baton: BatonProcess,
    readonly load: LoadProcess,
    readonly referrer: PartnerSystem,
    readonly receiver: PartnerSystem,
    readonly people: YoungPeople,
    readonly floors: Floors,
    readonly say: (line: string) => void,
  ) {}

  static async open(settings: Settings, say: (line: string) => void): Promise<BenchRun> {
    const baton = await BatonProcess.start();
    const load = new LoadProcess();
    const referrer = new PartnerSystem(baton, 'rapid-response');
    const people = new YoungPeople(baton, load, referrer);
    const floors = await warmedUp(settings, { baton, load, referrer, people });
    return new BenchRun(settings, baton, load, referrer, new PartnerSystem(baton, 'safe-zones'), people, floors, say);
  }

  async close(): Promise<void> {
    this.load.close();
    await this.baton.stop();
  }

  floor(work: Floors['write'], connections: number): Promise<Window> {
    return this.load.floor({ dsn: this.baton.adminDsn, connections, seconds: this.settings.seconds, ...work });
  }
}

/** Code that runs for the first time is slow: nobody measures that. The first referral also tells which rows one leaves behind. */
async function warmedUp({ warmUp }: Settings, { baton, load, referrer, people }: Pick<BenchRun, 'baton' | 'load' | 'referrer' | 'people'>): Promise<Floors> {
  const requests = [...(await people.referrals(warmUp)), ...people.bundles(warmUp / 5)];
  const { locations, failed, done } = await load.requests({ address: baton.address, token: await referrer.accessToken(), connections: 8, seconds: 120, requests });
  if (done < requests.length) throw new Error(`Referrals were not stored: ${JSON.stringify(failed)}`);
  await baton.atRest();
  return makeFloors(baton, await exampleOf(baton, idIn(locations[0])));
}
