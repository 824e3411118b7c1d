import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Window } from './figures.js';
import type { ClosedLoop, Floor, Job, Paced, PacedDone, RequestsDone } from './job.js';

/** Load comes from a process of its own, so that measuring does not stand in the way of what is measured. */
export class LoadProcess {
  private readonly child: ChildProcess = fork(join(import.meta.dirname, 'load.js'), { serialization: 'advanced' });

  requests(job: Omit<ClosedLoop, 'kind'>): Promise<RequestsDone> {
    return this.ask({ kind: 'requests', ...job });
  }

  floor(job: Omit<Floor, 'kind'>): Promise<Window> {
    return this.ask({ kind: 'floor', ...job });
  }

  /** @returns the receiver's address */
  receive(secret: string): Promise<string> {
    return this.ask({ kind: 'receive', secret });
  }

  paced(job: Omit<Paced, 'kind'>): Promise<PacedDone> {
    return this.ask({ kind: 'paced', ...job });
  }

  close(): void {
    this.child.disconnect();
  }

  private ask<Result>(job: Job): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const ended = (): void => reject(new Error('The load generator ended'));
      this.child.once('exit', ended);
      this.child.once('message', ({ result, error }: { result?: Result; error?: string }) => {
        this.child.off('exit', ended);
        if (error === undefined) resolve(result as Result);
        else reject(new Error(`The load generator failed: ${error}`));
      });
      this.child.send(job);
    });
  }
}
