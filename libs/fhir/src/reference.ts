/** A literal reference (`Reference.reference`), taken apart; R4 §2.3.0.1. */
export type ParsedReference =
  /** `Type/id` or `Type/id/_history/n`, relative or absolute under our own base. */
  | { readonly kind: 'local'; readonly type: string; readonly id: string; readonly version?: string }
  /** An absolute URL of somebody else's server; `type` and `id` only where it ends as a RESTful URL. */
  | { readonly kind: 'absolute'; readonly url: string; readonly type?: string; readonly id?: string; readonly version?: string }
  /** `urn:uuid:…` or `urn:oid:…`: means something only inside a Bundle. */
  | { readonly kind: 'urn'; readonly urn: string }
  /** `#x`: a contained resource; `#` alone is the container itself. */
  | { readonly kind: 'contained'; readonly id: string }
  /** `Type?search`: a conditional reference, allowed in transactions only. */
  | { readonly kind: 'conditional'; readonly type: string; readonly query: string };

const RESTFUL = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const RESTFUL_END = /\/([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const CONDITIONAL = /^([A-Z][A-Za-z]{1,63})\?(.+)$/s;
const URN = /^urn:(?:uuid:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|oid:[0-2](?:\.(?:0|[1-9][0-9]*))+)$/;
const ID = /^[A-Za-z0-9\-.]{1,64}$/;

const versioned = (version: string | undefined) => (version === undefined ? {} : { version });

/** Whether a text is a FHIR `id`: 1 to 64 letters, digits, hyphens and dots. */
export const isId = (text: string): boolean => ID.test(text);

/**
 * Takes a literal reference apart.
 *
 * @param text the value of `Reference.reference`
 * @param base our own base URL without slash at the end (`https://host/fhir/R4`): URLs under it are local
 * @returns undefined if the text is none of the forms
 */
export function parseReference(text: string, base?: string): ParsedReference | undefined {
  if (text.startsWith('#')) {
    const id = text.slice(1);
    return id === '' || ID.test(id) ? { kind: 'contained', id } : undefined;
  }
  if (text.startsWith('urn:')) return URN.test(text) ? { kind: 'urn', urn: text } : undefined;
  if (base !== undefined && text.startsWith(`${base}/`)) return parseRelative(text.slice(base.length + 1));
  if (/^https?:\/\//.test(text)) return parseAbsolute(text);
  return parseRelative(text);
}

function parseRelative(text: string): ParsedReference | undefined {
  const [, type, id, version] = RESTFUL.exec(text) ?? [];
  if (type !== undefined && id !== undefined) return { kind: 'local', type, id, ...versioned(version) };
  const [, conditionalType, query] = CONDITIONAL.exec(text) ?? [];
  return conditionalType !== undefined && query !== undefined ? { kind: 'conditional', type: conditionalType, query } : undefined;
}

function parseAbsolute(url: string): ParsedReference | undefined {
  if (!URL.canParse(url)) return undefined;
  const [, type, id, version] = RESTFUL_END.exec(url) ?? [];
  return type !== undefined && id !== undefined ? { kind: 'absolute', url, type, id, ...versioned(version) } : { kind: 'absolute', url };
}

/** Writes a reference back as text; what {@link parseReference} took apart comes out in its shortest form. */
export function formatReference(reference: ParsedReference): string {
  switch (reference.kind) {
    case 'local':
      return `${reference.type}/${reference.id}${reference.version === undefined ? '' : `/_history/${reference.version}`}`;
    case 'absolute':
      return reference.url;
    case 'urn':
      return reference.urn;
    case 'contained':
      return `#${reference.id}`;
    case 'conditional':
      return `${reference.type}?${reference.query}`;
  }
}

/** The id a local reference names, if it is of the type asked for: `Patient/p1` → `p1`. */
export function idOf(reference: string | undefined, type: string, base?: string): string | undefined {
  const parsed = reference === undefined ? undefined : parseReference(reference, base);
  return parsed?.kind === 'local' && parsed.type === type ? parsed.id : undefined;
}
