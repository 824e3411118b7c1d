/**
 * One value of one search parameter of a resource, ready for a table of text and numbers.
 *
 * | type of the parameter | `value` | `system` | `low`, `high` |
 * |---|---|---|---|
 * | token | the code | its system | – |
 * | reference | `Type/id`; an absolute URL or a canonical as it came | – | – |
 * | string | the text folded (`foldText`) | the text as it came, where it differs: for `:exact` | – |
 * | date | first instant of the interval, ISO 8601, UTC, milliseconds: sorts as text | – | [low, high) in epoch milliseconds; no `high`: open end |
 * | uri | as it came | – | – |
 * | number, quantity | the number as text | `unit system|code` of a quantity | the bounds its precision implies |
 *
 * A reference that carries an identifier has a second entry, a token, under `<param>:identifier`.
 */
export interface IndexEntry {
  /** Code of the search parameter (`subject`), aliases resolved; `subject:identifier` for a reference's identifier. */
  readonly param: string;
  readonly value: string;
  readonly system?: string;
  readonly low?: number;
  readonly high?: number;
}
