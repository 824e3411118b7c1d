import { Pulse } from './pulse.js';

const PACE = { shortest: 5, busy: 20, idle: 300, apart: 5 };

/** Milliseconds that a rest took. */
async function restOf(pulse: Pulse): Promise<number> {
  const began = performance.now();
  await pulse.rest();
  return performance.now() - began;
}

describe('The rhythm of a worker that polls', () => {
  it('rests long after work that it was rung for: the next will ring too', async () => {
    const pulse = new Pulse(PACE);
    pulse.ring();
    expect(await restOf(pulse)).toBeLessThan(100);
    pulse.worked();
    expect(await restOf(pulse)).toBeGreaterThan(250);
  });

  it('looks again soon after work that nobody rang for', async () => {
    const pulse = new Pulse(PACE);
    expect(await restOf(pulse)).toBeGreaterThan(250);
    pulse.worked();
    expect(await restOf(pulse)).toBeLessThan(100);
    expect(await restOf(pulse)).toBeLessThan(100);
  });

  it('waits for a ring without using it up', async () => {
    const pulse = new Pulse(PACE);
    expect(await pulse.rings(1)).toBe(false);
    setTimeout(() => pulse.ring(), 5);
    expect(await pulse.rings(5000)).toBe(true);
    expect(await restOf(pulse)).toBeLessThan(100);
  });
});
