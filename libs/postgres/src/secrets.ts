import { crashPoint } from '@baton/kernel';
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The secret kept under a name, made if there is none: 256 random bits, base64url, in a file only its owner may read.
 * Several processes may ask at once; all get the same one.
 * @param folder is made with mode 0700 where it is missing, and brought back to it
 */
export async function secret(folder: string, name: string): Promise<string> {
  const found = await read(folder, name);
  if (found !== undefined) return found;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  await place(folder, name, randomBytes(32).toString('base64url'));
  const placed = await read(folder, name);
  if (placed === undefined) throw new Error(`The secret ${join(folder, name)} vanished while it was being made.`);
  return placed;
}

/** The secret kept under a name, or undefined. @throws if the file is there and cannot be read or is empty */
async function read(folder: string, name: string): Promise<string | undefined> {
  const file = join(folder, name);
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (text === '') throw new Error(`The secret ${file} is empty: remove the file, and a new one is made at the next start.`);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Writes beside and links into place: the name appears with its whole content or not at all, and the first one wins. */
async function place(folder: string, name: string, value: string): Promise<void> {
  const draft = join(folder, `.${name}.${randomBytes(6).toString('hex')}`);
  try {
    const file = await open(draft, 'wx', 0o600);
    await file.writeFile(`${value}\n`);
    await file.sync();
    await file.close();
    crashPoint('secret.drafted');
    await link(draft, join(folder, name));
    crashPoint('secret.placed');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

const ITERATIONS = 4096;

/**
 * What PostgreSQL stores of a password (`SCRAM-SHA-256$…`, RFC 5803): sent instead of the password itself, which
 * therefore can appear in no server log.
 */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16), iterations: number = ITERATIONS): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
  const stored = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${stored}:${hmac('Server Key').toString('base64')}`;
}

/** Whether a stored verifier was made of this password. */
export function isVerifierOf(verifier: string, password: string): boolean {
  const parts = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier);
  if (!parts) return false;
  const expected = scramVerifier(password, Buffer.from(parts[2]!, 'base64'), Number(parts[1]));
  return expected.length === verifier.length && timingSafeEqual(Buffer.from(expected), Buffer.from(verifier));
}
