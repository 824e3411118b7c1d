import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** Ends it when the check is asked to stop. */
  readonly signal?: AbortSignal | undefined;
  /** What it says goes to the terminal instead of into the result. */
  readonly shown?: boolean;
}

export interface Ran {
  /** Exit code; undefined if it could not be started, or was killed. */
  readonly code: number | undefined;
  readonly out: string;
  readonly said: string;
}

const TEN_MINUTES = 600_000;
const KEPT = 20_000;

/** Runs a program to its end. Never throws. */
export function run(file: string, args: readonly string[], { env = {}, cwd, timeoutMs = TEN_MINUTES, signal, shown = false }: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    let [out, said] = ['', ''];
    const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, signal, stdio: ['ignore', shown ? 'inherit' : 'pipe', shown ? 'inherit' : 'pipe'] });
    // Not by the option of spawn, whose timer goes on where the program is not found.
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const end = (ran: Ran): void => {
      clearTimeout(late);
      resolve(ran);
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      said = (said + chunk.toString()).slice(-KEPT);
    });
    child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-KEPT)));
    child.on('error', (error) => end({ code: undefined, out, said: said || error.message }));
    child.on('close', (code) => end({ code: code ?? undefined, out, said }));
  });
}

/** A program did not do what it was run for. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
}

/** Runs a program that must succeed. @returns what it wrote to standard output, trimmed @throws ProgramFailed with the end of what it said */
export async function succeed(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, out, said } = await run(file, args, options);
  if (code === 0) return out.trim();
  throw new ProgramFailed(`${file} ${args.slice(0, 4).join(' ')} … ended with ${code ?? 'a signal, or was not found'}:\n${said.trim().split('\n').slice(-15).join('\n')}`);
}
