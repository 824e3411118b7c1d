import type { IndexEntry } from './index-entry.js';
import { READERS, type IndexValue } from './index-values.js';
import { indexedParametersOf, officialParametersOf, type SearchParameter } from './search-parameters.js';
import { compileSearchPath, type CompiledPath } from './compiled-path.js';

/** What the indexer needs to know of a resource. */
export type Indexed = Readonly<Record<string, unknown>> & { readonly resourceType: string };

interface Column {
  readonly code: string;
  readonly identifier: string;
  readonly read: (typeof READERS)[keyof typeof READERS];
  readonly path: CompiledPath;
  /** Its values tell where somebody lives or how to reach them. */
  readonly locates: boolean;
}

const LOCATING = ['address', 'telecom'];
const compiled = new Map<string, readonly Column[]>();

const columnOf = (type: string, { code, type: kind, expression }: SearchParameter): Column => {
  const path = compileSearchPath(type, expression);
  return { code, identifier: `${code}:identifier`, read: READERS[kind], path, locates: LOCATING.some((element) => path.begins.has(element)) };
};

function columnsOf(type: string): readonly Column[] {
  let columns = compiled.get(type);
  if (!columns) {
    columns = [...indexedParametersOf(type).values()].map((parameter) => columnOf(type, parameter));
    if (columns.length > 0) compiled.set(type, columns);
  }
  return columns;
}

/**
 * The search index of a resource: one entry per value of each parameter that is indexed for its type, without duplicates.
 * A type that is not stored here has none. Of a restricted person (`meta.security` R) nothing that tells where they are.
 */
export const indexEntries = (resource: Indexed): IndexEntry[] => entriesOf(resource, columnsOf(resource.resourceType));

/** As {@link indexEntries}, for the official parameters named, indexed or not. */
export const entriesFor = (resource: Indexed, codes: readonly string[]): IndexEntry[] =>
  entriesOf(
    resource,
    codes.flatMap((code) => {
      const parameter = officialParametersOf(resource.resourceType).get(code);
      return parameter ? [columnOf(resource.resourceType, parameter)] : [];
    }),
  );

function entriesOf(resource: Indexed, columns: readonly Column[]): IndexEntry[] {
  const entries: IndexEntry[] = [];
  const hidden = isRestricted(resource);
  for (const column of columns) {
    if (hidden && column.locates) continue;
    const from = entries.length;
    column.path.walk(resource, (value, kind) => column.read(value, kind, (entry) => add(entries, from, column, entry)));
  }
  return entries;
}

/** Entries of one parameter stand together: only those from `from` on can be the same. */
function add(entries: IndexEntry[], from: number, column: Column, { identifier, ...entry }: IndexValue): void {
  const param = identifier ? column.identifier : column.code;
  for (let i = from; i < entries.length; i++) {
    const other = entries[i]!;
    if (other.value === entry.value && other.system === entry.system && other.param === param) return;
  }
  entries.push({ param, ...entry });
}

function isRestricted(resource: Indexed): boolean {
  const labels = (resource['meta'] as { security?: unknown } | undefined)?.security;
  return Array.isArray(labels) && (labels as ({ code?: unknown } | null)[]).some((label) => label?.code === 'R');
}
