import type { Refused, RefusalKind, Violation } from '@baton/kernel';
import type { OperationOutcome, OperationOutcomeIssue } from './types.js';

/** Code system of the rules' names, as they appear in `issue.details.coding`. */
export const RULE_SYSTEM = 'https://baton.example/fhir/CodeSystem/rule';
/** Extension of an issue: the resource to look at instead (valueReference), e.g. the open referral a new one duplicates. */
export const SEE_INSTEAD = 'https://baton.example/fhir/StructureDefinition/see-instead';

interface Answer {
  /** HTTP status. */
  readonly status: number;
  /** FHIR issue type (http://hl7.org/fhir/issue-type) unless the violation names one. */
  readonly code: OperationOutcomeIssue['code'];
}

/** What becomes of each kind of refusal on the wire. HTTP statuses of refusals stand here and nowhere else. */
const ANSWERS: Readonly<Record<RefusalKind, Answer>> = {
  malformed: { status: 400, code: 'invalid' },
  unauthenticated: { status: 401, code: 'login' },
  forbidden: { status: 403, code: 'forbidden' },
  unknown: { status: 404, code: 'not-found' },
  gone: { status: 410, code: 'deleted' },
  'not-allowed': { status: 405, code: 'not-supported' },
  stale: { status: 412, code: 'conflict' },
  ambiguous: { status: 412, code: 'multiple-matches' },
  duplicate: { status: 409, code: 'duplicate' },
  conflict: { status: 409, code: 'conflict' },
  'too-early': { status: 425, code: 'transient' },
  'rule-broken': { status: 422, code: 'business-rule' },
  'too-large': { status: 413, code: 'too-long' },
  'unsupported-media': { status: 415, code: 'not-supported' },
  'not-acceptable': { status: 406, code: 'not-supported' },
  throttled: { status: 429, code: 'throttled' },
  unavailable: { status: 503, code: 'transient' },
};

/** The issue types of R4 (http://hl7.org/fhir/ValueSet/issue-type, required); a violation's `code` must be one of them to be passed on. */
const ISSUE_TYPES: ReadonlySet<string> = new Set<OperationOutcomeIssue['code']>([
  'invalid', 'structure', 'required', 'value', 'invariant', 'security', 'login', 'unknown', 'expired', 'forbidden', 'suppressed', 'processing',
  'not-supported', 'duplicate', 'multiple-matches', 'not-found', 'deleted', 'too-long', 'code-invalid', 'extension', 'too-costly', 'business-rule',
  'conflict', 'transient', 'lock-error', 'no-store', 'exception', 'timeout', 'incomplete', 'throttled', 'informational',
]);

/** The HTTP status a refusal is answered with. */
export const statusOf = (kind: RefusalKind): number => ANSWERS[kind].status;

/** One issue for one violation. `fallback` is the issue type when the violation names none that R4 knows. */
export function issueOf(
  violation: Violation,
  severity: OperationOutcomeIssue['severity'] = 'error',
  fallback: OperationOutcomeIssue['code'] = 'processing',
): OperationOutcomeIssue {
  const code = violation.code !== undefined && ISSUE_TYPES.has(violation.code) ? (violation.code as OperationOutcomeIssue['code']) : fallback;
  return {
    severity,
    code,
    details: { coding: [{ system: RULE_SYSTEM, code: violation.rule }], text: violation.says },
    ...(violation.at && violation.at.length > 0 ? { expression: [...violation.at] } : {}),
  };
}

/** A refusal as an OperationOutcome: one issue per violation; `see` becomes an extension of the first. */
export function outcomeOf(refused: Refused): OperationOutcome {
  const fallback = ANSWERS[refused.kind].code;
  const issues = refused.violations.map((violation) => issueOf(violation, 'error', fallback));
  const [first, ...rest] = issues;
  if (refused.see === undefined || !first) return { resourceType: 'OperationOutcome', issue: issues };
  const pointed: OperationOutcomeIssue = { extension: [{ url: SEE_INSTEAD, valueReference: { reference: refused.see } }], ...first, diagnostics: `See ${refused.see}` };
  return { resourceType: 'OperationOutcome', issue: [pointed, ...rest] };
}

/** An OperationOutcome that says all is well, for `Prefer: return=OperationOutcome` and `$validate`; or with the warnings given. */
export function outcomeOfSuccess(says: string, warnings: readonly Violation[] = []): OperationOutcome {
  const well: OperationOutcomeIssue = { severity: 'information', code: 'informational', details: { text: says } };
  return { resourceType: 'OperationOutcome', issue: [well, ...warnings.map((violation) => issueOf(violation, 'warning'))] };
}
