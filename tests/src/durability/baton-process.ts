import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { COMPILED, eventually } from '@baton/testing';

/** Where one Baton lives. */
export interface Place {
  readonly home: string;
  readonly port: number;
  /** Settings beside the usual ones. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A point to die at: the n-th time it is reached. */
export interface Arm {
  readonly point: string;
  readonly times: number;
}

/** What `BATON_CRASH_AT` says: whichever of these is reached first is died at. */
export const crashAt = (arms: readonly Arm[]): Record<string, string> => (arms.length === 0 ? {} : { BATON_CRASH_AT: arms.map(({ point, times }) => `${point}:${times}`).join(',') });

/** How a process ended. */
export interface End {
  readonly signal: NodeJS.Signals | null;
  readonly code: number | null;
  /** Points it said it had reached; at most one, since it dies there. */
  readonly reached: readonly string[];
}

const MAIN = fileURLToPath(import.meta.resolve('@baton/standalone')).replace(/index\.js$/, 'main.js');
const READY_WITHIN_MS = 60_000;

/** The real thing, as `npm start` runs it, with a home and a port of its own. Everything it says goes to `<home>/../baton.log`. */
export class BatonProcess {
  readonly ended: Promise<End>;
  private said = '';

  private constructor(
    private readonly child: ChildProcess,
    place: Place,
  ) {
    const log = createWriteStream(join(place.home, '..', 'baton.log'), { flags: 'a' });
    child.stdout!.pipe(log, { end: false });
    child.stderr!.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('utf8');
      log.write(chunk);
    });
    this.ended = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        log.end();
        resolve({ code, signal, reached: [...this.said.matchAll(/^crash-point reached: (\S+)$/gm)].map(([, name]) => name!) });
      });
    });
  }

  /** Starts it; returns once it is ready, or has ended before that. */
  static async start(place: Place, arms: readonly Arm[] = []): Promise<BatonProcess> {
    const env = {
      PATH: process.env['PATH'] ?? '',
      ...(process.env['TMPDIR'] === undefined ? {} : { TMPDIR: process.env['TMPDIR'] }),
      ...COMPILED,
      BATON_HOME: place.home,
      BATON_PORT: String(place.port),
      BATON_LOG_LEVEL: 'warn',
      BATON_CHECK_EVENTS: '1',
      ...place.env,
      ...crashAt(arms),
    };
    const baton = new BatonProcess(spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'pipe', 'pipe'] }), place);
    let end: End | undefined;
    void baton.ended.then((how) => (end = how));
    for (const deadline = Date.now() + READY_WITHIN_MS; !baton.isReady; await sleep(20)) {
      if (end) {
        if (end.signal === null) throw new Error(`Baton did not start:\n${baton.said.slice(-2_000)}`);
        break;
      }
      if (Date.now() > deadline) {
        await baton.kill();
        throw new Error(`Baton was not ready after ${READY_WITHIN_MS} ms:\n${baton.said.slice(-2_000)}`);
      }
    }
    return baton;
  }

  get isReady(): boolean {
    return this.said.includes('Baton is ready');
  }

  /** SIGKILL, at whatever moment this is. */
  kill(): Promise<End> {
    this.child.kill('SIGKILL');
    return this.ended;
  }

  /** SIGTERM: it drains and stops. */
  stop(): Promise<End> {
    this.child.kill('SIGTERM');
    return this.ended;
  }

  /** How it ended, or nothing if it still runs after so many milliseconds. */
  async endWithin(ms: number): Promise<End | undefined> {
    const timer = new AbortController();
    const end = await Promise.race([this.ended, sleep(ms, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    return end ?? undefined;
  }
}

const postgresPid = (home: string): number => Number(readFileSync(join(home, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);

/** SIGKILL to the embedded PostgreSQL of a home. Returns when there is another. */
export async function killPostgresOf(home: string): Promise<void> {
  const killed = postgresPid(home);
  process.kill(killed, 'SIGKILL');
  await eventually(() => postgresPid(home) !== killed, { within: 60_000 });
}
