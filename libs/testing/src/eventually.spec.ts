import { eventually } from './eventually.js';

describe('eventually', () => {
  it('gives back what the check gave once it passes', async () => {
    let asked = 0;
    expect(await eventually(() => (++asked < 3 ? false : asked), { every: 1 })).toBe(3);
    expect(
      await eventually(
        () => {
          if (++asked < 6) throw new Error('not yet');
          return asked;
        },
        { every: 1 },
      ),
    ).toBe(6);
  });

  it('passes at the first check that returns nothing, as expectations do', async () => {
    let asked = 0;
    await eventually(() => {
      asked++;
    });
    expect(asked).toBe(1);
  });

  it('fails with what the check threw last, not before the time is over', async () => {
    const before = performance.now();
    let asked = 0;
    await expect(
      eventually(
        () => {
          throw new Error(`reason ${++asked}`);
        },
        { within: 60, every: 5 },
      ),
    ).rejects.toThrow(/^reason \d\d?$/);
    expect(performance.now() - before).toBeGreaterThan(55);
    expect(asked).toBeGreaterThan(2);
  });

  it('fails when the check stays false', async () => {
    await expect(eventually(() => false, { within: 20 })).rejects.toThrow('still false after 20 ms');
  });
});
