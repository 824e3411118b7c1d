import { freePorts } from '@baton/kafka';
import { openLog } from '@baton/service-host';
import { eventually } from '@baton/testing';
import { fileURLToPath } from 'node:url';
import { ServiceProcess, type Witness } from './service-process.js';

const main = fileURLToPath(new URL('./small-service.fixture.js', import.meta.url));

async function service(env: Record<string, string> = {}, witness?: Witness): Promise<ServiceProcess> {
  const [port] = await freePorts(1);
  return new ServiceProcess({ name: 'small', main, address: `http://127.0.0.1:${port}`, env: () => ({ ...env, BATON_PORT: String(port) }), log: openLog('test', 'silent'), ...(witness ? { witness } : {}) });
}

/** The process that answers once one has gone. */
const another = (service: ServiceProcess, gone: number): Promise<number> =>
  eventually(async () => {
    const pid = Number(await (await fetch(service.address)).text());
    expect(pid).not.toBe(gone);
    return pid;
  });

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('A service in a process of its own', () => {
  it('answers once it has started, is started again when it is killed, and ends when it is stopped', async () => {
    const process_ = await service();
    await process_.start();
    const first = process_.pid!;
    expect(await (await fetch(process_.address)).text()).toBe(String(first));
    process.kill(first, 'SIGKILL');
    const second = await another(process_, first);
    process.kill(second, 'SIGKILL');
    const third = await another(process_, second);
    await process_.stop();
    expect([first, second, third].map(isAlive)).toEqual([false, false, false]);
    expect(process_.pid).toBeUndefined();
  });

  it('is heard by its witness, to the last word, and how it ended', async () => {
    const heard: (string | object)[] = [];
    const process_ = await service({ SAYS: 'so long' }, { said: (words) => heard.push(words.toString()), ended: (how) => heard.push(how) });
    await process_.start();
    await process_.stop();
    expect(heard).toEqual(['so long\n', { code: 0, signal: null }]);
  });

  it('is not waited for when it ends at once', async () => {
    await expect((await service({ FAILS: 'yes' })).start()).rejects.toThrow('small could not start (3).');
  });
});
