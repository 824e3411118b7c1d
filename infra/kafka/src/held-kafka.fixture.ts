import { readlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { startKafka } from './start-kafka.js';

/** A process of its own that starts a broker, prints its process id and folder as a line of JSON, and holds it until it is killed. */
const kafka = await startKafka();
const [pid] = kafka.pids;
process.stdout.write(`${JSON.stringify({ pids: kafka.pids, folder: dirname(readlinkSync(`/proc/${pid}/cwd`)) })}\n`);
setInterval(() => undefined, 60_000);
