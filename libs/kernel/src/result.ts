import type { Violation } from './violation.js';

/** Outcome of a pure decision: a value, or every rule that stood against it. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly violations: readonly [Violation, ...Violation[]] };

export const ok = <T>(value: T): Result<T> => ({ ok: true, value });

export const broken = (...violations: [Violation, ...Violation[]]): Result<never> => ({ ok: false, violations });
