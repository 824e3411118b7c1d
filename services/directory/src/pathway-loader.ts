import { organizationId, type Pathway } from '@baton/contracts';
import { batonActs, londonDay, newId, type Violation } from '@baton/kernel';
import type { Database } from '@baton/postgres';
import { registerDemoPartners } from './partner-keys.service.js';
import { readPathwayFiles, type FileViolation, type PublishedFile } from './pathway-files.js';
import { publishPathways } from './pathway-publishing.js';
import { contradictions, presentVersions } from './pathway-set.js';
import { chainVersions, loadedVersions, lockPathways, storeVersion, type LoadedVersion } from './pathway.store.js';

/** Pathway files that cannot be loaded, with everything that is wrong with them; nothing of them was. Stops the start. */
export class PathwaysRefused extends Error {
  override readonly name = 'PathwaysRefused';

  constructor(readonly violations: readonly (Violation & Partial<FileViolation>)[]) {
    super(['The pathway cannot be loaded:', ...violations.map(({ file, at, rule, says }) => `  ${[file, ...(at ?? []), rule].filter(Boolean).join(': ')}: ${says}`)].join('\n'));
  }
}

/** What loading did. */
export interface Loaded {
  /** Present version of each pathway. */
  readonly present: readonly Pathway[];
  /** Versions that were not known before. */
  readonly added: number;
  /** Resources that were written because of it. */
  readonly written: number;
}

/**
 * Loads pathway files: stores their versions, publishes them as resources and relations, and gives each partner a demo
 * key. Repeating it changes nothing; several processes may do it at once. A version that was loaded stays, for referrals
 * judged by it, also when its file is gone.
 *
 * @param path a file, or a folder of files
 * @throws PathwaysRefused
 */
export async function loadPathways(database: Database, home: string, path: string): Promise<Loaded> {
  const { good, violations } = await readPathwayFiles(path);
  if (violations.length > 0) throw new PathwaysRefused(violations);
  const caller = batonActs({ requestId: newId(), correlationId: newId() });
  const loaded = await database.transaction(async (tx) => {
    await lockPathways(tx);
    const known = await loadedVersions(tx);
    const all = judged(good, known);
    const changed = good.filter((file) => !known.some((stored) => sameText(stored.pathway, file.pathway)));
    for (const file of changed) await storeVersion(tx, file);
    await chainVersions(tx);
    const present = presentVersions(all, londonDay(tx.now));
    return { present, added: all.length - known.length, written: await publishPathways(tx, caller, present) };
  });
  await registerDemoPartners(database, home, partnersOf(loaded.present));
  return loaded;
}

/** All versions there will be. */
function judged(files: readonly PublishedFile[], known: readonly LoadedVersion[]): Pathway[] {
  const earlier = known.filter(({ pathway }) => !files.some((file) => sameVersion(file.pathway, pathway))).map(({ pathway }) => pathway);
  const all = [...earlier, ...files.map(({ pathway }) => pathway)];
  const violations = [...files.flatMap((file) => changedVersion(file, known)), ...contradictions(all)];
  if (violations.length > 0) throw new PathwaysRefused(violations);
  return all;
}

const sameVersion = (one: Pathway, other: Pathway): boolean => one.id === other.id && one.version === other.version;

const sameText = (one: Pathway, other: Pathway): boolean => sameVersion(one, other) && JSON.stringify(one) === JSON.stringify(other);

function changedVersion({ file, pathway, digest }: PublishedFile, known: readonly LoadedVersion[]): FileViolation[] {
  const before = known.find((stored) => sameVersion(stored.pathway, pathway));
  if (!before || before.digest === digest) return [];
  return [{ rule: 'pathway-version-changed', says: `Version ${pathway.version} of ${pathway.id} was published before and said something else: give the change a version of its own.`, at: ['version'], file }];
}

const partnersOf = (present: readonly Pathway[]): { id: string; organization: string }[] =>
  [...new Set(present.flatMap(({ partners }) => partners.map(({ id }) => id)))].map((id) => ({ id, organization: `Organization/${organizationId(id)}` }));
