import { sqlState } from '@baton/postgres';

export interface Gathering<Item> {
  /** How long what comes next waits at most for a batch that is under way, in milliseconds. */
  readonly waitMs?: number;
  /** Rows of a batch at most; an item with more goes alone. */
  readonly rowsAtMost?: number;
  /** Rows that an item makes. */
  readonly rowsOf?: (item: Item) => number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly done: (answer: Answer) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Lets requests of one moment share a statement, without one waiting for the others to come.
 *
 * What finds no batch under way goes out in the same turn of the event loop; what does waits for its end, but for 5 ms at
 * most. So a lone request pays one round trip, and many at once share them.
 */
export class Gatherer<Item, Answer> {
  private waiting: Waiting<Item, Answer>[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private scheduled = false;
  private readonly gathering: Required<Gathering<Item>>;

  /** @param carryOut does a batch and answers each item, in order; what it throws is thrown to each */
  constructor(
    private readonly carryOut: (items: readonly Item[]) => Promise<readonly Answer[]>,
    { waitMs = 5, rowsAtMost = 500, rowsOf = () => 1 }: Gathering<Item> = {},
  ) {
    this.gathering = { waitMs, rowsAtMost, rowsOf };
  }

  /** @returns the item's answer. @throws what went wrong with its batch, or with the item alone where its batch failed for what was in it */
  add(item: Item): Promise<Answer> {
    return new Promise((done, failed) => {
      this.waiting.push({ item, done, failed });
      this.schedule();
    });
  }

  /** Waits until everything gathered so far is done. */
  async drain(): Promise<void> {
    while (this.waiting.length > 0 || this.underWay.size > 0) {
      this.flush();
      await Promise.all(this.underWay);
    }
  }

  private schedule(): void {
    if (this.underWay.size > 0) {
      this.timer ??= setTimeout(() => this.flush(), this.gathering.waitMs);
    } else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(() => this.flush());
    }
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.scheduled = false;
    const batch = this.takeBatch();
    if (batch.length === 0) return;
    const running = this.run(batch).finally(() => {
      this.underWay.delete(running);
      if (this.waiting.length > 0) this.flush();
    });
    this.underWay.add(running);
    if (this.waiting.length > 0) this.flush();
  }

  private takeBatch(): Waiting<Item, Answer>[] {
    const { rowsAtMost, rowsOf } = this.gathering;
    let rows = 0;
    let count = 0;
    for (const { item } of this.waiting) {
      const more = rowsOf(item);
      if (count > 0 && rows + more > rowsAtMost) break;
      rows += more;
      count++;
    }
    return this.waiting.splice(0, count);
  }

  private async run(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.carryOut(batch.map(({ item }) => item));
      batch.forEach((one, place) => one.done(answers[place]!));
    } catch (error) {
      // A row the database cannot take must not fail the requests that merely shared its statement.
      if (batch.length > 1 && isAboutData(error)) await Promise.all(batch.map((one) => this.run([one])));
      else batch.forEach((one) => one.failed(error));
    }
  }
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity violation). */
const isAboutData = (error: unknown): boolean => /^2[23]/.test(sqlState(error) ?? '');
