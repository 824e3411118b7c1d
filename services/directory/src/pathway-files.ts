import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pathway } from '@baton/contracts';
import { parseStrict } from '@baton/fhir';
import { Refused, type Violation } from '@baton/kernel';
import { checkPathway } from './pathway.js';

/** A pathway version as it was published. */
export interface PublishedFile {
  readonly file: string;
  readonly pathway: Pathway;
  /** SHA-256 of what the file says, however it is laid out. */
  readonly digest: string;
}

/** A violation and the file it was found in. */
export interface FileViolation extends Violation {
  readonly file: string;
}

/** The example that is loaded where `BATON_PATHWAY` names nothing. */
export const EXAMPLE_PATHWAY = fileURLToPath(new URL('../../../contracts/pathways/greater-manchester.json', import.meta.url));

/**
 * Reads pathway files and checks each by itself.
 *
 * @param path a file, or a folder of which every `*.json` is read
 * @returns what was found good, and everything that is wrong with the rest
 */
export async function readPathwayFiles(path: string): Promise<{ good: PublishedFile[]; violations: FileViolation[] }> {
  const good: PublishedFile[] = [];
  const violations: FileViolation[] = [];
  for (const file of await filesAt(path)) {
    const found = file.violation ?? (await readOne(file.path));
    if ('pathway' in found) good.push(found);
    else violations.push(...[found].flat().map((violation) => ({ ...violation, file: file.path })));
  }
  return { good, violations };
}

async function filesAt(path: string): Promise<{ path: string; violation?: Violation }[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [{ path }];
    const names = (await readdir(path)).filter((name) => name.endsWith('.json')).sort();
    if (names.length === 0) return [{ path, violation: { rule: 'no-pathway-file', says: 'The folder holds no *.json file.' } }];
    return names.map((name) => ({ path: join(path, name) }));
  } catch {
    return [{ path, violation: unreadable }];
  }
}

const unreadable: Violation = { rule: 'pathway-file-unreadable', says: 'There is no such file or folder, or it may not be read.' };

async function readOne(file: string): Promise<PublishedFile | readonly Violation[]> {
  let data: unknown;
  try {
    data = parseStrict(await readFile(file, 'utf8'));
  } catch (error) {
    return error instanceof Refused ? error.violations : [unreadable];
  }
  const checked = checkPathway(data);
  return checked.ok ? { file, pathway: checked.value, digest: digestOf(data) } : checked.violations;
}

function digestOf(data: unknown): string {
  const { $schema: _schema, ...content } = data as Record<string, unknown>;
  return createHash('sha256').update(JSON.stringify(content, sorted)).digest('hex');
}

/** Keys in one order, whatever the file's. */
const sorted = (_key: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
