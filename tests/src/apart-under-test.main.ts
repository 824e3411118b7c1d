import { openEngines, startApart, type Apart } from '@baton/apart';
import type { Schema } from '@baton/postgres';
import { HostConfig, readConfig } from '@baton/service-host';
import { resolve } from 'node:path';
import { startedAgain } from './placed.js';

/** How the services are to run from now on. */
export interface Wanted {
  /** Services that answer requests and do nothing by themselves. */
  readonly asleep: readonly Schema[];
}

/** Where they are. */
export interface Placed {
  readonly address: string;
  readonly fhirBase: string;
  /** Addresses of the processes behind the proxy. */
  readonly processes: readonly string[];
}

// Keeps the engines while services are stopped and started again, as whoever forked this says.
const config = readConfig(HostConfig, process.env);
const engines = await openEngines(resolve(config.BATON_HOME), config);
if (engines.brokers === undefined) throw new Error(`These tests need Kafka. ${engines.without ?? ''}`);
let apart: Apart | undefined;
let sleeping: readonly Schema[] = [];

process.on('message', ({ asleep }: Wanted) => void place(asleep));
process.once('disconnect', () => void end(0));

async function place(asleep: readonly Schema[]): Promise<void> {
  try {
    const changed = apart?.processes.filter(({ name }) => sleeping.includes(name as Schema) !== asleep.includes(name as Schema)) ?? [];
    sleeping = asleep;
    if (changed.length > 0) await Promise.all(changed.map(startedAgain));
    else {
      await apart?.stop();
      apart = await startApart({ config, engines, instances: 2, envOf: (service) => ({ BATON_WORKERS: sleeping.includes(service) ? 'off' : 'on' }) });
    }
    process.send!({ address: apart!.address, fhirBase: apart!.fhirBase, processes: apart!.processes.map(({ address }) => address) } satisfies Placed);
  } catch (error) {
    console.error(error);
    await end(1);
  }
}

async function end(code: number): Promise<never> {
  await apart?.stop();
  await engines.close();
  process.exit(code);
}
