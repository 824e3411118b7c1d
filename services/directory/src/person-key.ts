import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { keptSecret } from '@baton/access';

interface KeyFile {
  readonly key: string;
}

const KEY_BYTES = 32;

/**
 * Digests NHS numbers, so that persons are found without their numbers standing in tables. Keyed: there are so few
 * numbers that a plain hash could be undone in minutes. The key is `<BATON_HOME>/keys/persons.json`, made at
 * first start; another key would find nobody that is known already, so all instances need the same file, for good.
 */
export class PersonKey {
  private key: KeyObject | undefined;

  /** Reads the key, or makes it. May be repeated. */
  async open(home: string): Promise<void> {
    const path = join(home, 'keys', 'persons.json');
    const { key } = await keptSecret<KeyFile>(path, () => ({ key: randomBytes(KEY_BYTES).toString('base64') }));
    const bytes = Buffer.from(key ?? '', 'base64');
    if (bytes.length !== KEY_BYTES) throw new Error(`${path} holds no key of ${KEY_BYTES} bytes: restore it from a backup; a new key would not find the persons known already`);
    this.key = createSecretKey(bytes);
  }

  /** HMAC-SHA-256 of a number. @throws a defect if the key was not opened */
  digest(nhsNumber: string): Buffer {
    if (!this.key) throw new Error('The key for NHS numbers was not opened (PersonKey.open)');
    return createHmac('sha256', this.key).update(nhsNumber).digest();
  }
}
