/**
 * Errors are values with meaning: a rule that is broken is a {@link Violation}; a command that cannot go on throws
 * {@link Refused} with all of them. What becomes of it on the wire (HTTP status, OperationOutcome) is decided in one
 * place, `libs/service-host`.
 */
export interface Violation {
  /** Name of the rule, kebab-case and stable: partners' software may compare it (`route-closed`). */
  readonly rule: string;
  /** One sentence for a person: what is wrong and what would be right. Never personal data, never another partner's data. */
  readonly says: string;
  /** FHIRPath-like places in the input, e.g. `ServiceRequest.subject` or `Bundle.entry[2].resource.status`. */
  readonly at?: readonly string[];
  /** FHIR issue type where the kind's default does not fit (`required`, `value`, `code-invalid`, `business-rule` …). */
  readonly code?: string;
}

/**
 * Why a command was refused, in terms of the domain; each kind is answered with one HTTP status.
 *
 * `malformed` cannot be understood · `unauthenticated` no valid token · `forbidden` a type, interaction or scope the
 * caller lacks · `unknown` does not exist or may not be known (never say which) · `gone` deleted · `not-allowed`
 * interaction never offered for this type · `stale` the version named is not the present one · `duplicate` it is there
 * already · `conflict` it clashes with a later change · `too-early` a twin of the request is still in work ·
 * `rule-broken` understood, and against a rule · `ambiguous` a condition matches several · `too-large` · `unsupported-media` ·
 * `not-acceptable` · `throttled` · `unavailable` try again later.
 */
export type RefusalKind =
  | 'malformed'
  | 'unauthenticated'
  | 'forbidden'
  | 'unknown'
  | 'gone'
  | 'not-allowed'
  | 'stale'
  | 'duplicate'
  | 'conflict'
  | 'too-early'
  | 'rule-broken'
  | 'ambiguous'
  | 'too-large'
  | 'unsupported-media'
  | 'not-acceptable'
  | 'throttled'
  | 'unavailable';

/** A command that was understood as far as it goes and is not carried out; nothing of it is stored. */
export class Refused extends Error {
  override readonly name = 'Refused';

  /**
   * @param kind what sort of refusal
   * @param violations every broken rule that was found, not only the first; at least one
   * @param see what the caller should look at instead, a relative reference (`ServiceRequest/…`): it must be the caller's to see
   */
  constructor(
    readonly kind: RefusalKind,
    readonly violations: readonly [Violation, ...Violation[]],
    readonly see?: string,
  ) {
    super(`${kind}: ${violations.map((v) => v.rule).join(', ')}`);
  }
}

/** Shorthand for a refusal with a single violation. */
export function refuse(kind: RefusalKind, rule: string, says: string, more: Omit<Violation, 'rule' | 'says'> & { see?: string } = {}): Refused {
  const { see, ...rest } = more;
  return new Refused(kind, [{ rule, says, ...rest }], see);
}

/** Throws one {@link Refused} with all violations, if there are any. */
export function refuseIfAny(kind: RefusalKind, violations: readonly Violation[]): void {
  const [first, ...rest] = violations;
  if (first) throw new Refused(kind, [first, ...rest]);
}
