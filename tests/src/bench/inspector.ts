import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CpuProfile } from './cpu-profile.js';

const SAMPLE_EVERY_MICROS = 250;

/**
 * The CPU profile of a Node process while some work goes on. The process was started with `--inspect-port`; its inspector
 * opens on SIGUSR1 and costs nothing before.
 */
export async function profileOf(pid: number, port: number, work: () => Promise<void>): Promise<CpuProfile> {
  process.kill(pid, 'SIGUSR1');
  const inspector = await Inspector.connect(port);
  await inspector.call('Profiler.enable');
  await inspector.call('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_MICROS });
  await inspector.call('Profiler.start');
  await work();
  const { profile } = (await inspector.call('Profiler.stop')) as { profile: CpuProfile };
  await inspector.call('Profiler.disable');
  inspector.close();
  return profile;
}

/** The few calls that are needed of the inspector's protocol. */
class Inspector {
  private last = 0;
  private readonly waiting = new Map<number, (result: unknown) => void>();

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (id === undefined) return;
      this.waiting.get(id)?.(result);
      this.waiting.delete(id);
    });
  }

  static async connect(port: number): Promise<Inspector> {
    for (let tries = 1; ; tries++) {
      try {
        const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as [{ webSocketDebuggerUrl: string }];
        const socket = new WebSocket(target.webSocketDebuggerUrl);
        await once(socket, 'open');
        return new Inspector(socket);
      } catch (error) {
        if (tries >= 50) throw error;
        await sleep(100);
      }
    }
  }

  call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.last;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.socket.close();
  }
}
