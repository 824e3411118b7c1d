import { runRequests } from './closed-loop.js';
import { runFloor } from './floor-loop.js';
import type { Job } from './job.js';
import { Receiver, runPaced } from './paced-load.js';

/** The load generator's own process: takes a job over IPC, answers with what it measured. */
let receiver: Receiver | undefined;

async function work(job: Job): Promise<unknown> {
  switch (job.kind) {
    case 'requests':
      return runRequests(job);
    case 'floor':
      return runFloor(job);
    case 'receive':
      receiver = await Receiver.open(job.secret);
      return receiver.url;
    case 'paced':
      return runPaced(job, receiver!);
  }
}

process.on('message', (job: Job) => {
  work(job).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
