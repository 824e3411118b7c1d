import { createHmac, createSecretKey, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { keptSecret } from '@baton/access';
import { refuse, type Caller } from '@baton/kernel';
import { join } from 'node:path';

/** Where a page ended: the sort value (if sorted by one) and the id of its last match. */
export interface PageEnd {
  readonly sort?: string | number | null;
  readonly id: string;
}

const LIFE_MS = 60 * 60 * 1000;

const malformed = () => refuse('malformed', 'page-link-invalid', 'This page link cannot be used: it has expired, was changed, or belongs to another search. Search again.', { at: ['_cursor'] });

/** Makes page links: opaque, signed, good for an hour, for one caller and one search. They hold no more than the last row's id. */
export class PageLinks {
  private constructor(private readonly key: KeyObject) {}

  /** @param home BATON_HOME: the key is shared by all instances */
  static async open(home: string): Promise<PageLinks> {
    const { key } = await keptSecret(join(home, 'keys', 'page-links.json'), () => ({ key: randomBytes(32).toString('base64url') }));
    return new PageLinks(createSecretKey(Buffer.from(key, 'base64url')));
  }

  seal(caller: Caller, search: string, end: PageEnd, now: number): string {
    const body = Buffer.from(JSON.stringify([now + LIFE_MS, end.id, end.sort ?? null])).toString('base64url');
    return `${body}.${this.sign(caller, search, body)}`;
  }

  /** @throws Refused `malformed` for a link that was changed, has expired, or is somebody else's or another search's */
  open(caller: Caller, search: string, link: string, now: number): PageEnd {
    const [body = '', signature = ''] = link.split('.');
    const [given, right] = [Buffer.from(signature), Buffer.from(this.sign(caller, search, body))];
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw malformed();
    const [expires, id, sort] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [number, string, string | number | null];
    if (expires < now) throw malformed();
    return { id, sort };
  }

  private sign(caller: Caller, search: string, body: string): string {
    return createHmac('sha256', this.key).update(`${caller.partner}\n${search}\n${body}`).digest('base64url');
  }
}
