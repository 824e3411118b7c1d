import { NotGranted } from './careful-partner.js';
import { walk, type Partners } from './walk.js';

/** Several young persons at once, each new one as soon as another has been served, for as long as it is wanted. */
export class Load {
  private next = 0;
  private wanted = false;
  private running: Promise<void>[] = [];
  private broken: unknown;

  constructor(
    private readonly partners: Partners,
    private readonly width = 4,
  ) {}

  /** Young persons so far. */
  get persons(): number {
    return this.next;
  }

  begin(): void {
    this.wanted = true;
    this.running = Array.from({ length: this.width }, () => this.work());
  }

  /** Takes on nobody new, and returns when everybody taken on has come to the end of the way or was refused. @throws what went wrong in the driver itself */
  async finish(): Promise<void> {
    this.wanted = false;
    await Promise.all(this.running);
    if (this.broken) throw this.broken as Error;
  }

  private async work(): Promise<void> {
    try {
      while (this.wanted) {
        // Somebody not let through is in the history, where the checker finds it.
        await walk(this.partners, this.next++).catch((error: unknown) => {
          if (!(error instanceof NotGranted)) throw error;
        });
      }
    } catch (error) {
      this.broken ??= error;
    }
  }
}
