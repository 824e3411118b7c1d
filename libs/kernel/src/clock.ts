/** The present moment; passed in wherever time matters, so that tests can set it. */
export type Clock = () => Date;

/** The clock of this machine. Where order or allowances matter, the database's time is used instead. */
export const systemClock: Clock = () => new Date();
