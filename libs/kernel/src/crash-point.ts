/**
 * Named points beside every side effect, at which the crash tests kill this process with SIGKILL.
 *
 * Free unless armed: `BATON_CRASH_AT=name:n` (several separated by commas) kills at the n-th time the point is reached
 * (n defaults to 1), after the name was written to stderr, so that a driver can check that it died where it should.
 */
const armed = new Map(
  (process.env['BATON_CRASH_AT'] ?? '')
    .split(',')
    .filter(Boolean)
    .map((spec) => {
      const [name = '', count = '1'] = spec.split(':');
      return [name, Number(count)] as const;
    }),
);

/** Marks a place where the process may die. The name is unique in the code: `<part>.<what-just-happened>`. */
export function crashPoint(name: string): void {
  if (armed.size === 0) return;
  const left = armed.get(name);
  if (left === undefined) return;
  if (left > 1) {
    armed.set(name, left - 1);
    return;
  }
  process.stderr.write(`crash-point reached: ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
}
