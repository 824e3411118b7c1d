import { debianRelease, installPackages, mayRunAnEngine } from './debian.js';
import { answers, OUR_DOCKER_HOST, startDaemon, stopDaemon } from './daemon.js';
import { run } from './programs.js';

/** A container engine that answers. */
export interface Engine {
  /** Variables by which `docker` and `docker-compose` find it. */
  readonly env: Readonly<Record<string, string>>;
  /** In words. */
  readonly name: string;
  /** `docker compose`, or `docker-compose`. */
  readonly compose: readonly [string, ...string[]];
  /** Ends it, if it is ours, and leaves the machine as it was. */
  stop(): Promise<void>;
}

/** There is no engine here, and none can be started. */
export class NoEngine extends Error {
  override readonly name = 'NoEngine';

  /** @param avoidable the machine could have one */
  constructor(
    why: string,
    readonly avoidable: boolean,
  ) {
    super(why);
  }
}

/** The engine that answers, else one that we start, else one that we install and start. @throws NoEngine */
export async function findEngine({ install, signal }: { readonly install: boolean; readonly signal: AbortSignal }): Promise<Engine> {
  if (await answers()) return { env: {}, name: 'the engine of this machine', compose: await findCompose({}), stop: async () => undefined };
  const env = { DOCKER_HOST: OUR_DOCKER_HOST };
  if (!(await answers(OUR_DOCKER_HOST))) await startOne(install, signal);
  return { env, name: 'an engine of our own', compose: await findCompose(env), stop: stopDaemon };
}

/** Ends an engine of ours that an earlier run left, if there is one. */
export const stopOurs = stopDaemon;

async function startOne(install: boolean, signal: AbortSignal): Promise<void> {
  if (!mayRunAnEngine()) throw new NoEngine('No Docker engine answers, and only root (with the rights to make networks and mounts) could start one.', false);
  if ((await run('dockerd', ['--version'])).code !== 0 || (await run('docker-compose', ['version'])).code !== 0) await installOne(install, signal);
  await startDaemon().catch((error: unknown) => {
    throw new NoEngine((error as Error).message, true);
  });
}

async function installOne(install: boolean, signal: AbortSignal): Promise<void> {
  if (debianRelease() === undefined) throw new NoEngine('No Docker engine answers, dockerd or docker-compose is missing, and this is no Debian to install them on.', false);
  if (!install) throw new NoEngine('No Docker engine answers, and dockerd or docker-compose is missing. With --install they are installed (Debian: docker.io docker-compose debootstrap).', true);
  if (!(await installPackages(signal))) throw new NoEngine('No Docker engine answers, and apt reaches no archive to install one from.', false);
}

async function findCompose(env: Readonly<Record<string, string>>): Promise<readonly [string, ...string[]]> {
  if ((await run('docker', ['compose', 'version'], { env })).code === 0) return ['docker', 'compose'];
  if ((await run('docker-compose', ['version'], { env })).code === 0) return ['docker-compose'];
  throw new NoEngine('A Docker engine answers, but neither "docker compose" nor "docker-compose" is here.', mayRunAnEngine());
}
