/** Whether a command was asked what it does: it says so and does nothing else. */
export const wantsHelp = (args: readonly string[]): boolean => args.slice(2).some((arg) => arg === '--help' || arg === '-h');

/** Ends a command with what it takes: in answer to `--help`, or because it was asked for something else (exit 1, on standard error). */
export function endWithUsage(usage: string): never {
  const asked = wantsHelp(process.argv);
  (asked ? process.stdout : process.stderr).write(usage);
  process.exit(asked ? 0 : 1);
}
