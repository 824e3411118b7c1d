import { fileURLToPath } from 'node:url';
import { webhookReceiver, type WebhookReceiver } from '@baton/testing';
import { restViolations } from './checker.js';
import { ERRANDS } from './errands.js';
import { sentence } from './invariants.js';
import type { ErrandName } from './points.js';
import { restOf, untilAtRest } from './rest.js';
import type { OpenStage, Stage } from './stage.js';

const PATHWAYS = fileURLToPath(new URL('../../../contracts/pathways', import.meta.url));
/** What died while it was handed a message, a handshake or an endpoint that was gone is in hand for a minute at most. */
const RESTS_WITHIN_MS = 90_000;

/** A home on which errands are run, at the same time if several are asked for. */
export class ErrandHome {
  private readonly receivers: WebhookReceiver[] = [];
  private runs = 0;

  private constructor(readonly stage: Stage) {}

  /** A Baton that is ready on an empty home. */
  static async open(open: OpenStage): Promise<ErrandHome> {
    const stage = await open({ BATON_PATHWAY: PATHWAYS });
    await stage.start();
    return new ErrandHome(stage);
  }

  /** @returns what did not come true */
  async run(names: readonly ErrandName[]): Promise<string[]> {
    const { stage } = this;
    const receiver = async (): Promise<WebhookReceiver> => {
      const opened = await webhookReceiver();
      this.receivers.push(opened);
      return opened;
    };
    const ends = names.map((name) =>
      ERRANDS[name]({ system: (partner) => stage.system(partner), receiver, run: ++this.runs, home: stage.home }).then(
        () => [],
        (error: Error) => [`${name}: ${error.message}`],
      ),
    );
    return (await Promise.all(ends)).flat();
  }

  /** Lets Baton come to rest. @returns what is not as it is then, in sentences */
  async verdict(): Promise<string[]> {
    await untilAtRest(this.stage, RESTS_WITHIN_MS);
    return restViolations(await restOf(this.stage)).map(sentence);
  }

  async close({ keep = false } = {}): Promise<void> {
    await this.stage.close({ keep });
    await Promise.all(this.receivers.map((one) => one.close()));
  }
}
