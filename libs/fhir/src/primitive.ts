import { parseDate } from './date-interval.js';

/** What is wrong with a primitive value: it has another JSON type, or another form. */
export type PrimitiveFault = 'type' | 'form';

export type PrimitiveCheck = (value: unknown) => PrimitiveFault | undefined;

/** R4 forbids control characters but tab and line ends (§2.24.0.1 string); its own pattern refuses non-breaking spaces too, which real text has. */
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/;

const text: PrimitiveCheck = (value) => (typeof value !== 'string' ? 'type' : value === '' || CONTROL.test(value) ? 'form' : undefined);

const matching =
  (pattern: RegExp): PrimitiveCheck =>
  (value) =>
    typeof value !== 'string' ? 'type' : pattern.test(value) ? undefined : 'form';

const whole =
  (min: number): PrimitiveCheck =>
  (value) =>
    typeof value !== 'number' ? 'type' : Number.isInteger(value) && value >= min && value <= 2_147_483_647 ? undefined : 'form';

const dated =
  (allowed: (parts: NonNullable<ReturnType<typeof parseDate>>) => boolean): PrimitiveCheck =>
  (value) => {
    if (typeof value !== 'string') return 'type';
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
  // eslint-disable-next-line no-control-regex
  code: matching(/^[^\s\u0000-\u001f]+(?: [^\s\u0000-\u001f]+)*$/),
  id: matching(/^[A-Za-z0-9\-.]{1,64}$/),
  // eslint-disable-next-line no-control-regex
  uri: matching(/^[^\s\u0000-\u001f]+$/),
  // eslint-disable-next-line no-control-regex
  url: matching(/^[^\s\u0000-\u001f]+$/),
  // eslint-disable-next-line no-control-regex
  canonical: matching(/^[^\s\u0000-\u001f]+$/),
  oid: matching(/^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$/),
  uuid: matching(/^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i),
  base64Binary: matching(/^[0-9A-Za-z+/=\s]+$/),
  date: dated(({ precision }) => DAYS.has(precision)),
  dateTime: dated((parts) => DAYS.has(parts.precision) || (parts.zoned && seconds(parts))),
  instant: dated((parts) => parts.zoned && seconds(parts)),
  time: matching(/^(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?$/),
};
