import { eventually } from '@baton/testing';
import type { PartnerSystem } from '../partner-system.js';

/** A key that is shut, as operators are shown it. */
export interface ShutKey {
  readonly key: string;
  /** Class of the failure. */
  readonly error: string;
  /** Events that wait, the failed one included. */
  readonly waiting: number;
}

const JSON_BODY = { 'content-type': 'application/json' };
const WITHIN_MS = 120_000;

/** Whoever is on call for one service and one topic. */
export class OnCall {
  constructor(
    private readonly operator: PartnerSystem,
    private readonly service: string,
    private readonly topic: string,
  ) {}

  /** All keys that are parked. */
  async shut(): Promise<ShutKey[]> {
    const shut: ShutKey[] = [];
    for (let cursor: string | undefined; ; ) {
      const { status, body, text } = await this.operator.get(`${this.path('parked')}?topic=${this.topic}&limit=200${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
      if (status !== 200) throw new Error(`what is parked in ${this.service} was not listed: ${status} ${text}`);
      shut.push(...(body.parked as ShutKey[]));
      cursor = body.next as string | undefined;
      if (cursor === undefined) return shut;
    }
  }

  /** Gives up each event that failed, and applies what waited behind it. Returns when nothing is parked. */
  async clear(): Promise<void> {
    await this.post('parked/discards', { topic: this.topic, reason: 'put there by a test' });
    await this.post('parked/retries', { topic: this.topic });
    await eventually(async () => (await this.shut()).length === 0, { within: WITHIN_MS, every: 200 });
  }

  private async post(path: string, body: object): Promise<void> {
    const { status, text } = await this.operator.post(this.path(path), body, JSON_BODY);
    if (status >= 300) throw new Error(`${path} of ${this.service} was answered ${status} ${text}`);
  }

  private path(path: string): string {
    return `/api/${this.service}/v1/${path}`;
  }
}
