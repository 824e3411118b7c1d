/** Whether a command was asked what it does: it says so and does nothing else. */
export const wantsHelp = (args: readonly string[]): boolean => args.slice(2).some((arg) => arg === '--help' || arg === '-h');
