import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requestToken } from '@baton/access';
import { consent } from '@baton/consent';
import { directoryService } from '@baton/directory';
import { episodes } from '@baton/episodes';
import { notifications } from '@baton/notifications';
import { referrals } from '@baton/referrals';
import { HostConfig, readConfig, startServices } from '@baton/service-host';
import { createTestDatabase, type TestDatabase } from '@baton/testing';
import { gateway } from '../../gateway.module.js';

/** The adult pathway of the examples: an ambulance control room refers to a crisis team. */
export const ADULT_PATHWAY = fileURLToPath(new URL('../../../../../contracts/pathways/adult-example.json', import.meta.url));

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // Whatever a server may say: specs look at it.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

/** A Baton with all its services, on a database of its own, spoken to over HTTP. */
export interface MessageBaton {
  readonly database: TestDatabase;
  readonly fhirBase: string;
  send(partner: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Posts a message with the headers it needs; undefined leaves one out. */
  message(partner: string, body: unknown, headers?: Record<string, string | undefined>): Promise<Answer>;
  stop(): Promise<void>;
}

export async function startMessageBaton(): Promise<MessageBaton> {
  const home = await mkdtemp(join(tmpdir(), 'baton-messages-'));
  const database = await createTestDatabase();
  const env = { BATON_HOME: home, BATON_PORT: '0', BATON_LOG_LEVEL: process.env['BATON_LOG_LEVEL'] ?? 'silent', BATON_PATHWAY: ADULT_PATHWAY, BATON_EGRESS_ALLOW: '127.0.0.0/8,::1/128' };
  const stored = [directoryService(), consent, referrals, episodes, notifications];
  const running = await startServices({ config: readConfig(HostConfig, env), env, services: [...stored, gateway(stored)], dsnOf: (schema) => database.dsn(schema), name: 'messages' });
  const tokens = new Map<string, Promise<string>>();
  const tokenOf = (partner: string): Promise<string> => {
    const known = tokens.get(partner) ?? requestToken({ fhirBase: running.fhirBase, partner, home }).then(({ access_token }) => access_token);
    tokens.set(partner, known);
    return known;
  };
  const send: MessageBaton['send'] = async (partner, method, path, body, headers = {}) => {
    const response = await fetch(path.startsWith('/') ? `${running.address}${path}` : `${running.fhirBase}/${path}`, {
      method,
      headers: { authorization: `Bearer ${await tokenOf(partner)}`, ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    database,
    fhirBase: running.fhirBase,
    send,
    message: (partner, body, headers = {}) => {
      const all: Record<string, string | undefined> = { 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID(), ...headers };
      return send(partner, 'POST', '$process-message', body, Object.fromEntries(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))));
    },
    stop: async () => {
      await running.stop();
      await database.drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
