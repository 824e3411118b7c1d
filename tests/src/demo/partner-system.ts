import { requestToken } from '@baton/access';
import { webhookReceiver, type WebhookReceiver } from '@baton/testing';
import { Client, type FhirResource } from 'fhir-kit-client';
import { subscriptionOf } from '../partner-system.js';
import { readNotification, type Notification } from './notification.js';

/** Where Baton is, and where the key of the partner lies. */
export interface Place {
  readonly address: string;
  readonly fhirBase: string;
  readonly home: string;
}

/** An answer that was a refusal: its status, and what the OperationOutcome says. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly status: number,
    readonly body: FhirResource,
  ) {
    super(`${status}: ${textsOf(body).join(' ')}`);
  }
}

/** Longer than a broker or the database takes to come back. */
const PATIENCE_MS = 60_000;

/** A notification, and when it came: milliseconds since the epoch. */
export interface Told extends Notification {
  readonly at: number;
}

/**
 * The system of one partner, as its supplier would build it: fhir-kit-client for FHIR, a web server that takes notifications and
 * answers 401 to what Baton did not sign.
 */
export class DemoPartner {
  private subscription: string | undefined;

  private constructor(
    readonly id: string,
    readonly client: Client,
    private readonly webhooks: WebhookReceiver,
    private readonly address: string,
  ) {}

  static async open(id: string, { address, fhirBase, home }: Place): Promise<DemoPartner> {
    const { access_token: bearerToken } = await requestToken({ fhirBase, partner: id, home });
    const webhooks = await webhookReceiver();
    webhooks.answerAlways(({ signature }) => ({ status: signature === 'valid' ? 200 : 401 }));
    return new DemoPartner(id, new Client({ baseUrl: fhirBase, bearerToken }), webhooks, address);
  }

  /** Asks to be told of referrals, ids only, and waits for the handshake. @returns where notifications are taken */
  async subscribe(): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const shown = await this.ask(() => this.client.request(`${this.address}/api/notifications/v1/signing-secrets`, { method: 'POST', body: {}, options: { headers } }));
    this.webhooks.trust(String(shown['secret']));
    const body = subscriptionOf('referral', this.webhooks.url, 'id-only') as FhirResource;
    this.subscription = (await this.ask(() => this.client.create({ resourceType: 'Subscription', body })))['id'] as string;
    await this.webhooks.waitFor(1, ({ signature }) => signature === 'valid');
    return this.webhooks.url;
  }

  /** What came, signed by Baton, oldest first. */
  told(): Told[] {
    return this.webhooks.received.filter(({ signature }) => signature === 'valid').map((webhook) => ({ at: webhook.at, ...readNotification(webhook.json()) }));
  }

  /** Waits until something was told that the condition holds for. @throws after a minute */
  async waitFor(condition: (told: Told) => boolean): Promise<Told> {
    await this.webhooks.waitFor(1, (webhook) => webhook.signature === 'valid' && condition({ at: webhook.at, ...readNotification(webhook.json()) }), PATIENCE_MS);
    return this.told().find(condition)!;
  }

  /** Every byte that came and was signed. */
  bodies(): string[] {
    return this.webhooks.received.filter(({ signature }) => signature === 'valid').map(({ body }) => body);
  }

  /** How many requests came, and how many of them Baton had not signed. */
  received(): { total: number; unsigned: number } {
    const { received } = this.webhooks;
    return { total: received.length, unsigned: received.filter(({ signature }) => signature !== 'valid').length };
  }

  /** Carries out a request. @throws Refusal */
  async ask<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    try {
      return await request();
    } catch (error) {
      const { response } = error as { response?: { status: number; data: FhirResource } };
      throw response ? new Refusal(response.status, response.data) : error;
    }
  }

  /** Reads `Type/id`. @returns its status, and the body as it came */
  async look(reference: string): Promise<{ status: number; body: FhirResource }> {
    const [resourceType = '', id = ''] = reference.split('/');
    return this.statusOf(() => this.client.read({ resourceType, id }));
  }

  async statusOf(request: () => Promise<FhirResource>): Promise<{ status: number; body: FhirResource }> {
    try {
      return { status: 200, body: await this.ask(request) };
    } catch (error) {
      if (error instanceof Refusal) return { status: error.status, body: error.body };
      throw error;
    }
  }

  /** Asks to be told no more, and closes the web server. */
  async close(): Promise<void> {
    const id = this.subscription;
    if (id !== undefined) await this.statusOf(() => this.client.delete({ resourceType: 'Subscription', id }));
    await this.webhooks.close();
  }
}

function textsOf(body: FhirResource): string[] {
  const issues = (body as { issue?: { details?: { text?: string }; diagnostics?: string }[] }).issue ?? [];
  return issues.map(({ details, diagnostics }) => details?.text ?? diagnostics ?? '');
}
