import { requestToken } from '@baton/access';
import { webhookReceiver } from '@baton/testing';

/** An answer, its JSON body parsed. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Whatever a server may say: specs look at it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
  /** The body as it came. */
  readonly text: string;
}

export type Receiver = Awaited<ReturnType<typeof webhookReceiver>>;

/** A partner's system, as Baton sees it: HTTP with its own token, and a webhook receiver. It knows Baton's public API only. */
export class PartnerSystem {
  private token: { value: string; until: number } | undefined;

  /** @param baton where Baton is, and the home that holds the demo partner's key */
  constructor(
    private readonly baton: { readonly fhirBase: string; readonly address: string; readonly home: string },
    readonly id: string,
  ) {}

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, body, headers);
  }

  put(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('PUT', path, body, headers);
  }

  patch(path: string, operations: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('PATCH', path, operations, { 'content-type': 'application/json-patch+json', ...headers });
  }

  delete(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('DELETE', path, undefined, headers);
  }

  /** @param path relative to the FHIR base, or from `/api/` on; a body that is a string goes out as it is */
  async send(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const url = path.startsWith('/') ? `${this.baton.address}${path}` : `${this.baton.fhirBase}${path === '' ? '' : `/${path}`}`;
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${await this.accessToken()}`, ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: text === '' ? undefined : JSON.parse(text) };
  }

  async accessToken(): Promise<string> {
    if (!this.token || this.token.until < Date.now()) {
      const { access_token, expires_in } = await requestToken({ fhirBase: this.baton.fhirBase, partner: this.id, home: this.baton.home });
      this.token = { value: access_token, until: Date.now() + (expires_in - 30) * 1000 };
    }
    return this.token.value;
  }

  /** Registers a webhook for a topic and waits until it is active. */
  async subscribe(topic: string, content: 'empty' | 'id-only' | 'full-resource' = 'id-only', filters: readonly string[] = []): Promise<{ receiver: Receiver; subscription: string }> {
    const secret = await this.post('/api/notifications/v1/signing-secrets', {}, { 'content-type': 'application/json' });
    const receiver = await webhookReceiver({ secrets: [secret.body.secret as string] });
    const made = await this.post('Subscription', subscriptionOf(topic, receiver.url, content, filters));
    if (made.status !== 201) throw new Error(`${this.id} could not subscribe: ${made.status} ${made.text}`);
    await receiver.waitFor(1);
    return { receiver, subscription: made.body.id as string };
  }
}

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';

/** A Subscription as the R5 Backport IG 1.1.0 on R4 has it. */
export const subscriptionOf = (topic: string, endpoint: string, content: string, filters: readonly string[] = []): object => ({
  resourceType: 'Subscription',
  meta: { profile: [`${BACKPORT}/backport-subscription`] },
  status: 'requested',
  reason: 'To be told',
  criteria: `https://baton.example/fhir/SubscriptionTopic/${topic}`,
  ...(filters.length === 0 ? {} : { _criteria: { extension: filters.map((filter) => ({ url: `${BACKPORT}/backport-filter-criteria`, valueString: filter })) } }),
  channel: {
    type: 'rest-hook',
    endpoint,
    payload: 'application/fhir+json',
    _payload: { extension: [{ url: `${BACKPORT}/backport-payload-content`, valueCode: content }] },
  },
});
