import { spawn, type ChildProcess } from 'node:child_process';

/**
 * Reads process ids, `+1` begun and `-1` ended, until its input ends: then we stopped, or were killed. What still runs is killed, and
 * the folder removed. It is a session of its own, so that nothing that ends us ends it.
 */
const SCRIPT = `
living=' '
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) living="$living$pid " ;;
    -*) living="\${living%%" $pid "*} \${living#*" $pid "}" ;;
  esac
done
for pid in $living; do kill -KILL "$pid" 2>/dev/null; done
[ -z "$1" ] || { sleep 0.1; rm -rf -- "$1"; sleep 0.5; rm -rf -- "$1"; }
`;

/** Cleans up after us, however we end. */
export class Watchdog {
  private readonly shell: ChildProcess;

  /** @param folder removed at the end; nothing if undefined */
  constructor(folder: string | undefined) {
    this.shell = spawn('/bin/sh', ['-c', SCRIPT, 'baton-kafka-watchdog', folder ?? ''], { detached: true, stdio: ['pipe', 'ignore', 'ignore'], cwd: '/' });
    this.shell.on('error', () => undefined);
    this.shell.stdin!.on('error', () => undefined);
    this.shell.unref();
    (this.shell.stdin as unknown as { unref?: () => void }).unref?.();
  }

  watch(pid: number): void {
    this.shell.stdin!.write(`+${pid}\n`);
  }

  forget(pid: number): void {
    this.shell.stdin!.write(`-${pid}\n`);
  }

  /** Lets it do what it is there for. Resolves when that is done. */
  async end(): Promise<void> {
    const gone = new Promise<void>((resolve) => (this.shell.exitCode === null ? this.shell.once('exit', () => resolve()) : resolve()));
    this.shell.ref();
    this.shell.stdin!.end();
    await gone;
  }
}
