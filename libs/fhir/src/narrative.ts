/** Elements of XHTML that formatting needs: R4 txt-1 allows chapters 7-11 and 15 of HTML 4.0, links, images and style, no more. */
const TAGS: ReadonlySet<string> = new Set(
  ('a abbr acronym address b big blockquote br caption cite code col colgroup dd del dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q ' +
    's samp small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var').split(' '),
);

const ATTRIBUTES: ReadonlySet<string> = new Set(
  ('abbr align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite class colspan coords dir frame headers height ' +
    'href hreflang hspace id lang longdesc name nowrap rel rev rowspan rules scope shape span src style summary tabindex title type valign value vspace width xmlns ' +
    'xml:lang xml:space').split(' '),
);

/** A tag, or whatever else starts with an angle bracket; quoted values may hold `>`. */
const MARKUP = /<(?:!--(?:[^-]|-(?!->))*-->|(\/?)([A-Za-z][A-Za-z0-9:]*)((?:[^<>"']|"[^"<]*"|'[^'<]*')*)>|)/g;
/** Sticky, and nothing in it can match the same characters in two ways: a text that fails does so in one pass. */
const ATTRIBUTE = /\s*([A-Za-z][A-Za-z:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/y;

const TARGETS: ReadonlySet<string> = new Set(['href', 'src', 'cite', 'longdesc']);
/** Targets that run nothing. Anything with a scheme not listed, or with an entity that could spell one, is refused. */
const HARMLESS_TARGET = /^(?:(?:https?:|mailto:|tel:)[^&\s]*(?:&amp;[^&\s]*)*|data:image\/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*|[A-Za-z0-9_\-./#?=%+~]*)$/;
const HARMFUL_STYLE = /url\s*\(|expression|@import|behaviou?r|[\\&]/i;

function attributesAreHarmless(text: string): boolean {
  const attributes = text.trimEnd();
  const end = attributes.endsWith('/') ? attributes.length - 1 : attributes.length;
  let position = 0;
  while (position < end) {
    ATTRIBUTE.lastIndex = position;
    const [all, name = '', double, single] = ATTRIBUTE.exec(attributes) ?? [];
    // Nothing but attributes: what is left may only be the space before the closing slash.
    if (all === undefined) return attributes.slice(position, end).trim() === '';
    if (!isHarmless(name.toLowerCase(), double ?? single ?? '')) return false;
    position += all.length;
  }
  return true;
}

function isHarmless(attribute: string, value: string): boolean {
  if (TARGETS.has(attribute)) return HARMLESS_TARGET.test(value);
  return ATTRIBUTES.has(attribute) && !(attribute === 'style' && HARMFUL_STYLE.test(value));
}

/** What most narratives are: plain tags, an attribute or two that can do no harm. One pass settles these. */
const PLAIN =
  /^\s*<div(?: xmlns="http:\/\/www\.w3\.org\/1999\/xhtml")?(?: (?:xml:)?lang="[A-Za-z-]*")*>[^<]*(?:<\/?(?:div|p|b|i|br|ul|ol|li|table|thead|tbody|tr|td|th|span|em|strong|h[1-6]|pre|code|hr|a)(?: (?:class|id|title|name|align|border|colspan|rowspan)="[^"<]*")*\s*\/?>[^<]*)*$/;

/**
 * Whether the `div` of a Narrative can be shown without running anything (R4 txt-1): one `div`, whose tags and attributes are of the
 * formatting kind, without scripts, handlers, embedded content or document type. It is not checked to be well-formed XML.
 */
export function isHarmlessNarrative(div: string): boolean {
  if (PLAIN.test(div)) return true;
  if (!/^\s*<div[\s>/]/.test(div)) return false;
  for (const [all, , tag, attributes = ''] of div.matchAll(MARKUP)) {
    if (all.startsWith('<!--')) continue;
    if (tag === undefined || !TAGS.has(tag.toLowerCase())) return false;
    if (attributes.trim() !== '' && !attributesAreHarmless(attributes)) return false;
  }
  return true;
}
