export type SearchParameterKind = 'token' | 'reference' | 'string' | 'date' | 'uri' | 'number' | 'quantity';

/** A search parameter as R4 defines it, for one type. */
export interface OfficialSearchParameter {
  readonly type: SearchParameterKind;
  /** FHIRPath, only the part about this type. */
  readonly expression: string;
  /** Types a reference may lead to; absent: any. */
  readonly target?: readonly string[];
}
