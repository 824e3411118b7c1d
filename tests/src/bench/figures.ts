/** The value in the middle; of an even number of values the lower one of the two. @returns NaN of none */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** The value that a share `q` (0-1) of the values does not exceed, by nearest rank. @returns NaN of none */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)] ?? NaN;
}

/** Rounded to three significant digits: more would claim what a shared machine cannot give. */
export const rounded = (value: number): number => (Number.isFinite(value) && Math.abs(value) < 1000 ? Number(value.toPrecision(3)) : Math.round(value));

/** What a window of load came to. */
export interface Window {
  /** Operations that succeeded. */
  readonly done: number;
  /** Status (or error) → how many operations ended so; nothing of the sort is meant to happen. */
  readonly failed: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** Milliseconds per operation. */
  readonly p50: number;
  readonly p99: number;
  /** CPU the load generator itself used. */
  readonly loadCpuSeconds: number;
}

export const perSecond = (window: Pick<Window, 'done' | 'seconds'>): number => window.done / window.seconds;

/** Medians over the repeats of one measurement. */
export interface Summary {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Slowest and fastest repeat, operations a second: how far the machine drifted. */
  readonly range: readonly [number, number];
}

export function summaryOf(windows: readonly Window[]): Summary {
  const rates = windows.map(perSecond);
  return {
    perSecond: rounded(median(rates)),
    p50: rounded(median(windows.map(({ p50 }) => p50))),
    p99: rounded(median(windows.map(({ p99 }) => p99))),
    range: [rounded(Math.min(...rates)), rounded(Math.max(...rates))],
  };
}

/**
 * The median of ratios taken repeat by repeat: numerator and denominator of each were measured one after the other, so that
 * a machine that slows down slows both.
 */
export const ratioOf = (of: readonly Window[], to: readonly Window[]): number => rounded(median(of.map((window, repeat) => perSecond(window) / perSecond(to[repeat]!))));

/** A goal of `speed.md`, and where it stands. */
export interface Goal {
  readonly goal: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
}

/** What one section of the benchmark found. */
export interface Section {
  readonly name: string;
  readonly title: string;
  /** Head and rows of its table. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Sentences below the table. */
  readonly notes: readonly string[];
  readonly goals: readonly Goal[];
  /** Everything behind the table, for the JSON file. */
  readonly data: unknown;
}
