import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crashPoint } from '@baton/kernel';

/**
 * The content of a secret file, made at first start. Several processes may start at once: one makes the file, all get
 * the same content. The file appears whole or not at all, readable by its owner only (made 0600, its folder 0700).
 *
 * @param path absolute or relative to the working directory
 * @param make the content where there is none yet; its result is thrown away if another process was first
 * @throws if the file cannot be read or written, is not JSON, or may be read by others
 */
export async function keptSecret<T>(path: string, make: () => T | Promise<T>): Promise<T> {
  const found = await readSecret<T>(path);
  if (found !== undefined) return found;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = await writeDraft(path, await make());
  try {
    // link, unlike rename, fails where the name is taken: the first process wins and nobody overwrites its keys.
    await link(draft, path);
    crashPoint('keys.file-made');
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await unlink(draft);
  }
  const kept = await readSecret<T>(path);
  if (kept === undefined) throw new Error(`${path} vanished while it was made`);
  return kept;
}

/** Puts a new content in the place of a secret file, whole or not at all. */
export async function replaceSecret(path: string, content: unknown): Promise<void> {
  await rename(await writeDraft(path, content), path);
  crashPoint('keys.file-replaced');
}

/** The content of a secret file, or undefined where there is none. @throws if others may read it, or it is not JSON */
export async function readSecret<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    const { mode } = await stat(path);
    // The group is left alone: orchestrators mount secrets readable by a group of the process.
    if ((mode & 0o007) !== 0) throw new Error(`${path} may be read by others than its owner: chmod 600 it, or remove it so that new keys are made`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    // The parser's own message would quote the file, and with it the key.
    throw new Error(`${path} is not JSON: restore it, or remove it so that new keys are made`);
  }
}

async function writeDraft(path: string, content: unknown): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true });
  await chmod(draft, 0o600);
  crashPoint('keys.draft-written');
  return draft;
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code;
