import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Place } from './partner-system.js';
import type { Commands, Common, Reply } from './role.js';

/** A partner's process, as the one who tells the story sees it: it can be asked to play its part. */
export class PartnerProcess<Part extends Commands> {
  private readonly waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  private asked = 0;

  private constructor(
    readonly partner: string,
    private readonly child: ChildProcess,
  ) {
    child.on('message', (reply: Reply) => {
      const waiting = this.waiting.get(reply.number);
      this.waiting.delete(reply.number);
      if ('failed' in reply) waiting?.reject(new Error(reply.failed));
      else waiting?.resolve(reply.answer);
    });
    child.once('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error(`The process of ${partner} ended.`));
    });
  }

  /** Starts a role (`trust`, `charity` …) as a partner, in a process of its own. @throws when it has no token or no port */
  static async start<Part extends Commands>(role: string, partner: string, place: Place): Promise<PartnerProcess<Part>> {
    const script = fileURLToPath(new URL(`./${role}.js`, import.meta.url));
    const process_ = new PartnerProcess<Part>(partner, fork(script, [partner, JSON.stringify(place)], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    await process_.answer(0);
    return process_;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Asks the process to do something. @throws what it said, if it failed */
  ask<Name extends keyof (Part & Common) & string>(command: Name, ...[input]: Parameters<(Part & Common)[Name]>): Promise<Awaited<ReturnType<(Part & Common)[Name]>>> {
    const number = ++this.asked;
    const answer = this.answer(number);
    this.child.send({ number, command, input });
    return answer as Promise<Awaited<ReturnType<(Part & Common)[Name]>>>;
  }

  /** Ends the process: politely, and for good after two seconds. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    const late = setTimeout(() => this.child.kill('SIGKILL'), 2_000);
    if (this.child.connected) this.child.send({ number: ++this.asked, command: 'close', input: undefined });
    await ended;
    clearTimeout(late);
  }

  private answer(number: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.waiting.set(number, { resolve, reject }));
  }
}
