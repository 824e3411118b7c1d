import { DatabaseUnsuitable } from '@baton/postgres';
import { ConfigurationError } from './config.js';
import type { Running } from './start-services.js';

export interface MainProcess<Started extends Pick<Running, 'stop'>> {
  /** What runs, in messages: `Baton`. */
  readonly name: string;
  readonly start: () => Promise<Started>;
  /** Lines to say once it runs. */
  readonly ready: (started: Started) => readonly string[];
  /** Errors whose message is enough for whoever started it; any other is shown with its stack. */
  readonly expected?: readonly (new (...args: never[]) => Error)[];
}

/** Says something to whoever started the process. */
export const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** A process of ours started this one, and speaks for it. */
const isSpokenFor = (): boolean => process.send !== undefined;

const OLDEST_NODE = 24;

/**
 * Runs what a process is there for until it is asked to stop (SIGTERM, Ctrl-C), then ends it in order and the process with it: exit code 0,
 * or 1 where it could not start or stop.
 */
export async function runMain<Started extends Pick<Running, 'stop'>>({ name, start, ready, expected = [] }: MainProcess<Started>): Promise<void> {
  if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
    say(`Baton runs on Node ${OLDEST_NODE}, which comes with the project; this is ${process.versions.node}. Start it with "npm start".`);
    process.exit(1);
  }
  try {
    const starting = start();
    // Asked to stop while it starts, it starts and then stops: a migration is not cut off, no engine is left behind.
    let stopped: Promise<never> | undefined;
    const stop = (): void => {
      stopped ??= starting.then(
        (started) => stopInOrder(name, started),
        () => process.exit(1),
      );
    };
    // Each time, not once: npm passes on a signal that its whole process group (Ctrl-C, timeout) has had already.
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    // Started by another process of ours, which is gone now.
    process.on('disconnect', stop);
    const lines = ready(await starting);
    if (!isSpokenFor()) lines.forEach(say);
  } catch (error) {
    endBecause(name, error, expected);
  }
}

/** Ends the process with exit code 1 and what a person can act on; a stack only for what nobody foresaw. */
export function endBecause(name: string, error: unknown, expected: MainProcess<never>['expected'] = []): never {
  say(whyNot(name, error, [ConfigurationError, DatabaseUnsuitable, ...expected]));
  process.exit(1);
}

async function stopInOrder(name: string, started: Pick<Running, 'stop'>): Promise<never> {
  try {
    await started.stop();
    if (!isSpokenFor()) say(`${name} has stopped.`);
    return process.exit(0);
  } catch (error) {
    say(`${name} did not stop in order: ${String(error)}`);
    return process.exit(1);
  }
}

function whyNot(name: string, error: unknown, expected: NonNullable<MainProcess<never>['expected']>): string {
  if (!(error instanceof Error)) return `${name} could not start: ${String(error)}`;
  return expected.some((kind) => error instanceof kind) ? error.message : `${name} could not start: ${error.stack ?? error.message}`;
}
