import { eventually } from '@baton/testing';
import type { Arm, End } from './baton-process.js';
import { CarefulPartner } from './careful-partner.js';
import { check } from './checker.js';
import type { Asked, History, Seen } from './history.js';
import type { Violation } from './invariants.js';
import { Load } from './load.js';
import { auditOf } from './observe-audit.js';
import { listedFor, shownTo, subscriberOf } from './observe.js';
import { RecordingReceiver } from './receivers.js';
import { restOf, untilAtRest } from './rest.js';
import type { Stage } from './stage.js';
import { SUBSCRIPTIONS, type Partners } from './walk.js';

const RESTS_WITHIN_MS = 45_000;

export interface TrialOptions {
  /** 0 … 1, asked for at each answer: how often partners repeat what was answered. */
  readonly chance?: () => number;
  /** Milliseconds after which partners give up what does not succeed. */
  readonly patience?: number;
}

/** Partners that use a Baton under load while it is killed again and again, and what they wrote down. */
export class Trial {
  readonly load: Load;
  private readonly receivers: RecordingReceiver[] = [];

  private constructor(
    readonly stage: Stage,
    readonly partners: Partners,
    private readonly notes: { readonly asked: Asked[]; readonly seen: Seen[] },
  ) {
    this.load = new Load(partners);
  }

  /** Everybody subscribed to a Baton that was started on a stage. */
  static async open(stage: Stage, { chance = Math.random, patience }: TrialOptions = {}): Promise<Trial> {
    const notes = { asked: [], seen: [] };
    const partner = (id: string) => new CarefulPartner(stage.system(id), notes, () => chance() < 0.1, patience);
    const trial = new Trial(stage, { referrer: partner('rapid-response'), receiver: partner('safe-zones') }, notes);
    await stage.start();
    await trial.subscribe();
    return trial;
  }

  private async subscribe(): Promise<void> {
    const { referrer, receiver } = this.partners;
    const plan = [
      [referrer, 'referral', 'id-only'],
      [receiver, 'referral', 'full-resource'],
      [referrer, 'episode', 'id-only'],
      [receiver, 'episode', 'full-resource'],
    ] as const;
    for (const [place, [partner, topic, content]] of plan.entries()) this.receivers.push(await RecordingReceiver.open(SUBSCRIPTIONS[place]!, partner, topic, content, this.stage.folder));
  }

  /** Starts Baton armed, and waits for its death. @returns how it died, or nothing if it lives on: the point was not reached */
  async dieAt(arm: Arm): Promise<End | undefined> {
    await this.stage.start(arm);
    return this.stage.death();
  }

  /** Waits until so many more young persons were taken on: Baton works, whatever was done to it. */
  async workFor(persons: number): Promise<void> {
    const until = this.load.persons + persons;
    await eventually(() => this.load.persons >= until, { within: 60_000, every: 50 });
  }

  /**
   * Takes on nobody new, lets everybody come to the end of the way, and waits until everything expected has arrived and the metrics show
   * nothing left to do; or until it is clear that this does not happen: then the checker says what is missing.
   */
  async comeToRest(within = RESTS_WITHIN_MS): Promise<void> {
    await this.load.finish();
    await untilAtRest(this.stage, within, () => this.receivers.every((one) => one.numbers.size >= this.leastFor(one.name)));
  }

  /** Lets Baton come to rest, and judges everything since the home was new. @param within milliseconds for all that waits */
  async verdict(within?: number): Promise<Violation[]> {
    await this.comeToRest(within);
    return check(await this.history());
  }

  private leastFor(name: string): number {
    return this.notes.asked.flatMap(({ announces }) => announces).filter(({ to, introduces }) => !introduces && to.includes(name)).length;
  }

  /** Adds a request that somebody else made, and what is to follow from it. */
  note(asked: Asked): void {
    this.notes.asked.push(asked);
  }

  async history(): Promise<History> {
    const [referrer, receiver] = [this.partners.referrer.system, this.partners.receiver.system];
    const shown = [
      ...(await shownTo(referrer, 'Patient')),
      ...(await shownTo(referrer, 'Flag')),
      ...(await shownTo(referrer, 'ServiceRequest')),
      ...(await shownTo(receiver, 'Task', true)),
      ...(await shownTo(receiver, 'EpisodeOfCare', true)),
      ...(await shownTo(receiver, 'Encounter')),
    ];
    const listed = (await Promise.all(this.receivers.map(listedFor))).flat();
    const subscribers = await Promise.all(this.receivers.map(subscriberOf));
    const { asked, seen } = this.notes;
    return {
      asked: [...asked],
      seen: [...seen],
      readsAtMost: this.stage.readsAtMost,
      ...(await auditOf(this.stage.home)),
      shown,
      subscribers,
      listed,
      arrived: this.receivers.flatMap((one) => one.arrived()),
      rest: await restOf(this.stage),
    };
  }

  async close({ keep = false } = {}): Promise<void> {
    await this.load.finish().catch(() => undefined);
    await this.stage.close({ keep });
    await Promise.all(this.receivers.map((one) => one.close()));
  }
}
