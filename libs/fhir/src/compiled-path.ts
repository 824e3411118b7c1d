import { parseSearchPath, type PathStep, type SearchPath } from './search-path.js';
import { structureOf } from './structure.js';

/** The kind of a value a path leads to. */
export interface ValueKind {
  /** R4 type: `code`, `CodeableConcept`, `Period` … */
  readonly type: string;
  /** The code system a `code` is from, where its binding names a single one. */
  readonly system?: string;
}

type Emit = (value: unknown, kind: ValueKind) => void;
type Node = Readonly<Record<string, unknown>>;
type Walk = (node: Node, root: Node, emit: Emit) => void;
/** One way through the elements: a choice (`value[x]`) is as many ways as it has types. */
interface Route {
  readonly hops: readonly Hop[];
  readonly kind: ValueKind;
}
type Hop = { readonly property: string } | { readonly keep: (value: unknown, root: Node) => boolean };

/** A search parameter's expression, compiled for one type. */
export interface CompiledPath {
  /** Calls `emit` with every value of the resource that the expression leads to; a value may come twice. */
  readonly walk: (resource: Node, emit: Emit) => void;
  /** The kinds of value it can lead to. */
  readonly kinds: readonly ValueKind[];
  /** Properties of the resource it begins with. */
  readonly begins: ReadonlySet<string>;
}

/**
 * Compiles an expression for a type, against the R4 structure of its elements.
 * @throws Error if it is not of the subset, or names an element R4 does not know
 */
export function compileSearchPath(type: string, expression: string): CompiledPath {
  const kinds = new Map<string, ValueKind>();
  const begins = new Set<string>();
  const walks = compile(type, parseSearchPath(expression), (route) => {
    kinds.set(route.kind.type, route.kind);
    const first = route.hops[0];
    if (first && 'property' in first) begins.add(first.property);
  });
  return {
    kinds: [...kinds.values()],
    begins,
    walk: (resource, emit) => {
      for (const walk of walks) walk(resource, resource, emit);
    },
  };
}

const BOOLEAN: ValueKind = { type: 'boolean' };

function compile(type: string, path: SearchPath, seen: (route: Route) => void): Walk[] {
  if (path.kind === 'union') return path.of.flatMap((part) => compile(type, part, seen));
  if (path.kind !== 'and' && path.kind !== 'differs') {
    return routesOf(type, path).map((route) => {
      seen(route);
      return chain(route.hops, 0, route.kind);
    });
  }
  const judge = condition(type, path, ({ hops }) => seen({ hops, kind: BOOLEAN }));
  return [
    (node, root, emit) => {
      const verdict = judge(node, root);
      if (verdict !== undefined) emit(verdict, BOOLEAN);
    },
  ];
}

/** Three-valued logic of FHIRPath §6.5: undefined is the empty collection. */
function condition(type: string, path: SearchPath, seen: (route: Route) => void): (node: Node, root: Node) => boolean | undefined {
  if (path.kind === 'and') {
    const parts = path.of.map((part) => condition(type, part, seen));
    return (node, root) => {
      const verdicts = parts.map((part) => part(node, root));
      return verdicts.includes(false) ? false : verdicts.includes(undefined) ? undefined : true;
    };
  }
  const exists = path.kind === 'path' && path.steps.at(-1)?.kind === 'exists';
  const walks = compile(type, path.kind === 'differs' ? path.path : exists ? { ...path, steps: path.steps.slice(0, -1) } : path, seen);
  const first = (node: Node, root: Node): unknown => {
    let found: unknown;
    for (const walk of walks) walk(node, root, (value) => (found ??= value));
    return found;
  };
  if (exists) return (node, root) => first(node, root) !== undefined;
  if (path.kind !== 'differs') throw new Error(`${type}: neither exists() nor a comparison`);
  return (node, root) => {
    const found = first(node, root);
    return found === undefined ? undefined : !isText(found, path.from);
  };
}

function routesOf(type: string, path: Extract<SearchPath, { kind: 'path' }> | SearchPath): Route[] {
  if (path.kind === 'union') return path.of.flatMap((part) => routesOf(type, part));
  if (path.kind !== 'path') throw new Error(`${type}: a condition leads nowhere`);
  if (typeof path.start === 'string' && path.start !== type && path.start !== 'Resource') throw new Error(`${path.start} is not ${type}`);
  const start = typeof path.start === 'string' ? [{ hops: [], kind: { type } }] : routesOf(type, path.start);
  return path.steps.reduce<Route[]>((routes, step) => routes.flatMap((route) => advance(route, step)), start);
}

function advance({ hops, kind }: Route, step: PathStep): Route[] {
  switch (step.kind) {
    case 'element':
      return elementsOf(kind.type, step.name).map((next) => ({ hops: [...hops, { property: next.property }], kind: next.kind }));
    case 'of-type':
      return kind.type === step.type ? [{ hops, kind }] : [];
    case 'where-equals':
      return [{ hops: [...hops, { keep: (value) => (value as Node)[step.element] === step.value }], kind }];
    case 'where-leads-to':
      return [{ hops: [...hops, { keep: (value, root) => leadsTo(value as Node, step.type, root) }], kind }];
    case 'exists':
      throw new Error('exists() only as a condition');
  }
}

function elementsOf(type: string, name: string): { property: string; kind: ValueKind }[] {
  const found = structureOf(type)?.elements.get(name);
  if (!found) throw new Error(`R4 knows no element ${name} of ${type}`);
  return found.map(({ property, definition: { type: of, system } }) => ({ property, kind: of === 'code' && system !== undefined ? { type: of, system } : { type: of } }));
}

const ENDS_AS_URL = /(?:^|\/)([A-Z][A-Za-z]+)\/[A-Za-z0-9\-.]+(?:\/_history\/[A-Za-z0-9\-.]+)?$/;

/** What `resolve() is X` comes to without resolving: the type a reference says it leads to. */
function leadsTo(reference: Node, type: string, root: Node): boolean {
  const literal = reference['reference'];
  if (typeof literal !== 'string') return reference['type'] === type;
  if (!literal.startsWith('#')) return (ENDS_AS_URL.exec(literal)?.[1] ?? reference['type']) === type;
  const contained = Array.isArray(root['contained']) ? (root['contained'] as (Node | null)[]) : [];
  return contained.some((resource) => resource?.['id'] === literal.slice(1) && resource['resourceType'] === type);
}

function chain(hops: readonly Hop[], at: number, kind: ValueKind): Walk {
  const hop = hops[at];
  if (!hop) return (value, _root, emit) => emit(value, kind);
  const next = chain(hops, at + 1, kind);
  if ('keep' in hop) {
    return (value, root, emit) => {
      if (hop.keep(value, root)) next(value, root, emit);
    };
  }
  const { property } = hop;
  return (node, root, emit) => {
    const value = node[property];
    if (value === undefined || value === null) return;
    if (!Array.isArray(value)) return next(value as Node, root, emit);
    for (const item of value) if (item !== null) next(item as Node, root, emit);
  };
}

/** Whether a primitive reads as this text. */
const isText = (value: unknown, text: string): boolean => (typeof value === 'boolean' || typeof value === 'number' ? String(value) : value) === text;
