import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { keptSecret, readSecret, replaceSecret } from './key-file.js';

/** `<BATON_HOME>/keys/sealing.json`: the first key seals, all of them open. */
interface SealingFile {
  readonly keys: readonly { readonly id: string; readonly key: string }[];
}

const VERSION = 'v1';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals small secrets at rest (a subscription's headers, webhook secrets) with AES-256-GCM, so that a copy of the
 * database gives none away. What is sealed for one place does not open in another.
 */
export class Sealer {
  private constructor(
    private readonly current: string,
    private readonly keys: ReadonlyMap<string, KeyObject>,
  ) {}

  /** Opens the sealing keys under BATON_HOME, making one at first start. All instances need the same file. */
  static async open(home: string): Promise<Sealer> {
    const path = pathUnder(home);
    const file = await keptSecret<SealingFile>(path, () => ({ keys: [newKey()] }));
    const keys = new Map(file.keys.map(({ id, key }) => [id, createSecretKey(key, 'base64')]));
    if (file.keys.length === 0 || [...keys.values()].some((key) => key.symmetricKeySize !== KEY_BYTES)) {
      throw new Error(`${path} must hold "keys": [{ id, key }], each key 32 bytes in base64`);
    }
    return new Sealer(file.keys[0]!.id, keys);
  }

  /** Adds a key that seals from the next start on; older ones go on opening what they sealed. */
  static async rotate(home: string): Promise<void> {
    await Sealer.open(home);
    const file = (await readSecret<SealingFile>(pathUnder(home)))!;
    await replaceSecret(pathUnder(home), { keys: [newKey(), ...file.keys] });
  }

  /**
   * @param plain the secret
   * @param place where it belongs (`Subscription/…/headers`): needed again to open it
   * @returns `v1.<key id>.<base64url of nonce, tag and ciphertext>`
   */
  seal(plain: string, place: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.keys.get(this.current)!, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(boundTo(this.current, place));
    const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return [VERSION, this.current, Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url')].join('.');
  }

  /** @throws if it was changed, sealed for another place, or by a key that is not there (never saying what was inside) */
  unseal(sealed: string, place: string): string {
    const [version, id = '', body = ''] = sealed.split('.');
    const key = this.keys.get(id);
    if (version !== VERSION || !key) throw new Error(`A sealed value names the key ${JSON.stringify(id.slice(0, 40))}, which keys/sealing.json does not hold`);
    const bytes = Buffer.from(body, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(boundTo(id, place));
    try {
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      throw new Error(`A sealed value for ${place} was changed, or sealed for another place`);
    }
  }

  /** Whether a value should be sealed anew, because its key is no longer the current one. */
  isStale(sealed: string): boolean {
    return sealed.split('.')[1] !== this.current;
  }
}

const pathUnder = (home: string): string => join(home, 'keys', 'sealing.json');
const newKey = (): { id: string; key: string } => ({ id: randomBytes(6).toString('hex'), key: randomBytes(KEY_BYTES).toString('base64') });
const boundTo = (keyId: string, place: string): Buffer => Buffer.from(`${VERSION}\0${keyId}\0${place}`);
