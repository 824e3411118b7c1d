import { parseDate, type DateParts } from './date-interval.js';

/** What is wrong with a primitive value: it has another JSON type, or another form. */
export type PrimitiveFault = 'type' | 'form';

export type PrimitiveCheck = (value: unknown) => PrimitiveFault | undefined;

/** Longer texts are scanned by a pattern, shorter ones are faster by hand. */
const SHORT = 48;
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

/** R4 forbids control characters but tab and line ends (§2.24.0.1 string); its own pattern refuses non-breaking spaces too, which real text has. */
function hasControl(value: string): boolean {
  if (value.length > SHORT) return CONTROL.test(value);
  for (let i = 0; i < value.length; i++) if (value.charCodeAt(i) < 32) return CONTROL.test(value);
  return false;
}

const text: PrimitiveCheck = (value) => (typeof value !== 'string' ? 'type' : value === '' || hasControl(value) ? 'form' : undefined);

const matching =
  (pattern: RegExp): PrimitiveCheck =>
  (value) =>
    typeof value !== 'string' ? 'type' : pattern.test(value) ? undefined : 'form';

const BLANK_OR_CONTROL = /[\s\u0000-\u001f]/;

/** Whether a text is not empty and holds neither white space nor control characters. */
function isSolid(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const char = value.charCodeAt(i);
    if (char <= 32) return false;
    if (char >= 128) return !BLANK_OR_CONTROL.test(value);
  }
  return value !== '';
}

const uri: PrimitiveCheck = (value) => (typeof value !== 'string' ? 'type' : isSolid(value) ? undefined : 'form');

/** Words with single spaces between them. */
const code: PrimitiveCheck = (value) => (typeof value !== 'string' ? 'type' : isSolid(value) || (value !== '' && value.split(' ').every(isSolid)) ? undefined : 'form');

const whole =
  (min: number): PrimitiveCheck =>
  (value) =>
    typeof value !== 'number' ? 'type' : Number.isInteger(value) && value >= min && value <= 2_147_483_647 ? undefined : 'form';

/** Most dates: of full days that every month has, or with seconds and a zone. Others are looked at closely. */
const PLAIN_DATE = /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d))?$/;

const dated =
  (plain: (value: string) => boolean, allowed: (parts: DateParts) => boolean): PrimitiveCheck =>
  (value) => {
    if (typeof value !== 'string') return 'type';
    if (plain(value)) return undefined;
    const parts = parseDate(value);
    return parts && allowed(parts) ? undefined : 'form';
  };

const DAYS: ReadonlySet<string> = new Set(['year', 'month', 'day']);
const seconds = ({ precision }: { precision: string }): boolean => precision === 'second' || precision === 'fraction';

/** The primitive types of R4, each with its check; `xhtml` is only looked at as a text here. */
export const PRIMITIVES: Readonly<Record<string, PrimitiveCheck>> = {
  string: text,
  markdown: text,
  xhtml: text,
  boolean: (value) => (typeof value === 'boolean' ? undefined : 'type'),
  integer: whole(-2_147_483_648),
  unsignedInt: whole(0),
  positiveInt: whole(1),
  decimal: (value) => (typeof value === 'number' && Number.isFinite(value) ? undefined : 'type'),
  code,
  id: matching(/^[A-Za-z0-9\-.]{1,64}$/),
  uri,
  url: uri,
  canonical: uri,
  oid: matching(/^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$/),
  uuid: matching(/^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  base64Binary: matching(/^[0-9A-Za-z+/=\s]+$/),
  date: dated((value) => value.length === 10 && PLAIN_DATE.test(value), ({ precision }) => DAYS.has(precision)),
  dateTime: dated((value) => PLAIN_DATE.test(value), (parts) => DAYS.has(parts.precision) || (parts.zoned && seconds(parts))),
  instant: dated((value) => value.length > 10 && PLAIN_DATE.test(value), (parts) => parts.zoned && seconds(parts)),
  time: matching(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?$/),
};
