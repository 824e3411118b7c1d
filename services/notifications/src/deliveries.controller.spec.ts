import { randomUUID } from 'node:crypto';
import type { Caller, Refused } from '@baton/kernel';
import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { notifications as service } from './notifications.module.js';
import { callerOf, openNotifications, referralEvent, type TestNotifications } from './spec/notifications-database.js';

let notifications: TestNotifications;
let app: NestFastifyApplication;

/** As the host does: refusals become answers in one place. */
@Catch()
class Refusals implements ExceptionFilter {
  catch(error: Partial<Refused>, context: ArgumentsHost): void {
    const status = { unknown: 404, malformed: 400, forbidden: 403 }[error.kind as string] ?? 500;
    context.switchToHttp().getResponse<{ code(n: number): { send(body: unknown): void } }>().code(status).send({ rules: error.violations?.map(({ rule }) => rule) });
  }
}

beforeAll(async () => {
  notifications = await openNotifications();
  const [module] = service.modules!(notifications.host);
  app = await NestFactory.create<NestFastifyApplication>(module!, new FastifyAdapter(), { logger: false });
  app.useGlobalFilters(new Refusals());
  // The host's guard: who calls comes from the token.
  app.getHttpAdapter().getInstance().addHook('onRequest', async (request) => {
    const [partner = '', ...scopes] = String(request.headers.authorization).split(' ');
    (request as unknown as { caller: Caller }).caller = { ...callerOf(partner), scopes };
  });
  await app.init();
});

afterAll(async () => {
  await app.close();
  await notifications.close();
});

const FULL = 'system/Subscription.cruds';
const call = async (method: 'GET' | 'POST', path: string, partner = 'rapid-response', scopes = FULL) => {
  const { statusCode, payload } = await app.inject({ method, url: `/api/notifications/v1/${path}`, headers: { authorization: `${partner} ${scopes}` } });
  return { status: statusCode, body: (payload === '' ? undefined : JSON.parse(payload)) as Record<string, unknown> };
};

describe("notifications' own API", () => {
  it('makes a signing secret and shows it once; the next one says until when the first signs too', async () => {
    const first = await call('POST', 'signing-secrets');
    expect(first).toMatchObject({ status: 201, body: { secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) } });
    expect(first.body).not.toHaveProperty('othersUntil');
    const hours = (Date.parse((await call('POST', 'signing-secrets')).body['othersUntil'] as string) - Date.now()) / 3_600_000;
    expect(Math.round(hours)).toBe(24);
    expect(JSON.stringify(await notifications.test.admin(`SELECT * FROM notifications.signing_secret`))).not.toContain(String(first.body['secret']).slice(6));
  });

  it('lists deliveries, shows one with its attempts, sends it again and opens what is parked', async () => {
    const id = await notifications.subscribed('rapid-response', 'http://127.0.0.1:9/');
    await notifications.handle(referralEvent('requested', await notifications.referral()));
    await notifications.test.admin(`UPDATE notifications.event SET state = 'parked'`);
    const page = await call('GET', 'deliveries?state=parked');
    const [delivery] = page.body['deliveries'] as { id: string }[];
    expect(delivery).toMatchObject({ subscription: id, number: 1, state: 'parked' });
    expect(await call('GET', `deliveries/${delivery!.id}`)).toMatchObject({ status: 200, body: { id: delivery!.id, history: [] } });
    expect(await call('POST', `subscriptions/${id}/redrive`)).toEqual({ status: 202, body: { events: 1, keys: 1 } });
    expect(await call('POST', `deliveries/${delivery!.id}/resend`)).toEqual({ status: 202, body: { id: delivery!.id, state: 'queued' } });
    expect((await call('GET', 'deliveries?state=parked')).body).toEqual({ deliveries: [] });
  });

  it("answers for another partner's deliveries as for none", async () => {
    const [row] = await notifications.test.admin<{ id: string }>(`SELECT id FROM notifications.event LIMIT 1`);
    for (const path of [`deliveries/${row!.id}`, `deliveries/${randomUUID()}`, 'deliveries/x']) expect(await call('GET', path, 'liaison')).toEqual({ status: 404, body: { rules: ['delivery-unknown'] } });
    expect(await call('POST', `deliveries/${row!.id}/resend`, 'liaison')).toEqual({ status: 404, body: { rules: ['delivery-unknown'] } });
    expect((await call('GET', 'deliveries', 'liaison')).body).toEqual({ deliveries: [] });
  });

  it('asks for the scopes of Subscription, and for parameters it knows', async () => {
    expect([(await call('GET', 'deliveries', 'rapid-response', 'system/Task.s')).status, (await call('POST', 'signing-secrets', 'rapid-response', 'system/Subscription.rs')).status]).toEqual([403, 403]);
    expect((await call('GET', 'deliveries?state=lost&limit=0')).status).toBe(400);
  });

  it('is described as OpenAPI', () => {
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    expect(Object.keys(paths).sort()).toEqual([
      '/api/notifications/v1/deliveries',
      '/api/notifications/v1/deliveries/{id}',
      '/api/notifications/v1/deliveries/{id}/resend',
      '/api/notifications/v1/signing-secrets',
      '/api/notifications/v1/subscriptions/{id}/redrive',
    ]);
    expect(JSON.stringify(paths['/api/notifications/v1/deliveries']!.get!.responses)).toContain('nextAt');
  });
});
