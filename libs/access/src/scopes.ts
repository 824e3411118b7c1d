import { refuse, type Caller } from '@baton/kernel';

/**
 * SMART App Launch 2 system scopes (`system/Type.cruds`): which interactions on which type a client may ask for at all.
 * A scope never opens a record: who may see what is consent's decision, asked at use.
 */
export type Interaction =
  | 'create'
  | 'read'
  | 'vread'
  | 'history-instance'
  | 'update'
  | 'patch'
  | 'delete'
  | 'search'
  | 'history-type';

/** Leave to use the operators' APIs, which show ids and codes; not part of SMART. */
export const OPERATE = 'baton/operate';

/** The same, and to open what messages say. */
export const OPERATE_CONTENT = 'baton/operate-content';

/** What Baton itself holds (`batonActs`). No scope of SMART: asked for or granted to a client it means nothing. */
const EVERYTHING = '*';

const LETTERS = 'cruds';

const letterOf: Record<Interaction, string> = {
  create: 'c',
  read: 'r',
  vread: 'r',
  'history-instance': 'r',
  update: 'u',
  patch: 'u',
  delete: 'd',
  search: 's',
  'history-type': 's',
};

/** What a list of scopes allows, in a form that answers quickly. `types` never repeats what `any` holds. */
export interface Grants {
  /** Letters that hold for every type (`system/*.rs`). */
  readonly any: string;
  readonly types: ReadonlyMap<string, string>;
  readonly operate: boolean;
  /** Never without `operate`. */
  readonly content: boolean;
}

/**
 * Reads scopes. What is not understood grants nothing: other contexts (`patient/`, `user/`), letters out of the order
 * that SMART fixes (c, r, u, d, s), SMART v1 names (`.read`), constraints by query (`?category=…`), which are not offered.
 */
export function grantsOf(scopes: readonly string[]): Grants {
  let any = '';
  const content = scopes.includes(OPERATE_CONTENT);
  const operate = content || scopes.includes(OPERATE);
  const types = new Map<string, string>();
  for (const scope of scopes) {
    const read = parseScope(scope);
    if (!read) continue;
    if (read.type === '*') any = union(any, read.letters);
    else types.set(read.type, union(types.get(read.type) ?? '', read.letters));
  }
  return tidy({ any, types, operate, content });
}

/** One SMART scope, or undefined where it is none that Baton offers. `letters` is non-empty and in order. */
export function parseScope(scope: string): { readonly type: string; readonly letters: string } | undefined {
  const match = /^system\/(\*|[A-Z][A-Za-z]{0,63})\.(c?r?u?d?s?)$/.exec(scope);
  if (!match || !match[2]) return undefined;
  return { type: match[1]!, letters: match[2] };
}

/** Scopes in their one canonical form: a scope per type, letters in order, types by name, the wildcard first. */
export function scopesOf(grants: Grants): string[] {
  const byType = [...grants.types].sort(([a], [b]) => (a < b ? -1 : 1)).map(([type, letters]) => `system/${type}.${letters}`);
  return [...(grants.any ? [`system/*.${grants.any}`] : []), ...byType, ...(grants.operate ? [OPERATE] : []), ...(grants.content ? [OPERATE_CONTENT] : [])];
}

/** What both allow: of a wildcard and a type, the type's share. */
export function intersect(a: Grants, b: Grants): Grants {
  const types = new Map<string, string>();
  for (const type of new Set([...a.types.keys(), ...b.types.keys()])) types.set(type, shared(lettersFor(a, type), lettersFor(b, type)));
  return tidy({ any: shared(a.any, b.any), types, operate: a.operate && b.operate, content: a.content && b.content });
}

// A caller's scope array lives as long as its cached token: reading it once serves every request made with it.
const readBefore = new WeakMap<readonly string[], Grants>();

function grantsOfCaller(caller: Caller): Grants {
  let grants = readBefore.get(caller.scopes);
  if (!grants) {
    grants = caller.scopes.includes(EVERYTHING) ? { any: LETTERS, types: new Map(), operate: true, content: true } : grantsOf(caller.scopes);
    readBefore.set(caller.scopes, grants);
  }
  return grants;
}

/** Whether the caller's scopes allow an interaction with a resource type. */
export const permits = (caller: Caller, type: string, interaction: Interaction): boolean =>
  allows(grantsOfCaller(caller), type, letterOf[interaction]);

/** What an operator looks at: ids and codes, or what messages say. */
export type Operated = 'metadata' | 'content';

/** Whether the caller may use the operators' APIs. */
export const mayOperate = (caller: Caller, asked: Operated = 'metadata'): boolean => grantsOfCaller(caller)[asked === 'content' ? 'content' : 'operate'];

/** Whether a scope is one that Baton gives operators. */
export const isOperatorScope = (scope: string): boolean => scope === OPERATE || scope === OPERATE_CONTENT;

/**
 * Whoever operates Baton and nothing else is no partner: nothing of the FHIR interface is theirs.
 * @throws Refused `forbidden`, rule `scope-missing`, where the caller holds no scope of SMART at all
 */
export function requirePartner(caller: Caller): void {
  const { any, types } = grantsOfCaller(caller);
  if (any === '' && types.size === 0) throw refuse('forbidden', 'scope-missing', 'The access token holds no scope of the FHIR interface: an operator is no partner.');
}

/** @throws Refused `forbidden`, rule `scope-missing`, where the caller's scopes do not allow the interaction */
export function requirePermission(caller: Caller, type: string, interaction: Interaction): void {
  if (permits(caller, type, interaction)) return;
  throw refuse('forbidden', 'scope-missing', `The access token lacks the scope system/${type}.${letterOf[interaction]}.`);
}

/** @throws Refused `forbidden`, rule `scope-missing`, where the caller is not an operator, or may not open what messages say and `content` is asked for */
export function requireOperator(caller: Caller, asked: Operated = 'metadata'): void {
  if (!mayOperate(caller, asked)) throw refuse('forbidden', 'scope-missing', `The access token lacks the scope ${asked === 'content' ? OPERATE_CONTENT : OPERATE}.`);
}

const allows = ({ any, types }: Grants, type: string, letter: string): boolean => any.includes(letter) || (types.get(type)?.includes(letter) ?? false);
const lettersFor = (grants: Grants, type: string): string => union(grants.any, grants.types.get(type) ?? '');
const union = (a: string, b: string): string => keep((letter) => a.includes(letter) || b.includes(letter));
const shared = (a: string, b: string): string => keep((letter) => a.includes(letter) && b.includes(letter));
const keep = (wanted: (letter: string) => boolean): string => [...LETTERS].filter(wanted).join('');

function tidy(grants: Grants): Grants {
  const types = new Map<string, string>();
  for (const [type, letters] of grants.types) {
    const own = [...letters].filter((letter) => !grants.any.includes(letter)).join('');
    if (own) types.set(type, own);
  }
  return { ...grants, types };
}
