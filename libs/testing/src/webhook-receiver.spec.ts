import { Webhook } from 'standardwebhooks';
import { webhookReceiver, type WebhookReceiver } from './webhook-receiver.js';

const secret = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const another = `whsec_${Buffer.from('another of twenty-four b').toString('base64')}`;

const signed = (body: string, key: string, at = new Date()): RequestInit => ({
  method: 'POST',
  body,
  headers: { 'webhook-id': 'msg_1', 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)), 'webhook-signature': new Webhook(key).sign('msg_1', at, body) },
});

describe('A webhook receiver', () => {
  let receiver: WebhookReceiver;
  beforeEach(async () => {
    receiver = await webhookReceiver({ secrets: [secret] });
  });
  afterEach(() => receiver.close());

  const signatures = () => receiver.received.map(({ signature }) => signature);

  it('records what came as it came, and answers 200', async () => {
    const answer = await fetch(`${receiver.url}hook?x=1`, { method: 'POST', body: '{"a": "ü"}', headers: { 'x-own': 'yes' } });
    expect(answer.status).toBe(200);
    expect(receiver.received).toMatchObject([{ method: 'POST', path: '/hook?x=1', body: '{"a": "ü"}', headers: { 'x-own': 'yes' } }]);
    expect(receiver.received[0]?.json()).toEqual({ a: 'ü' });
  });

  it('tells a valid signature from one of another secret, of another body, of another time and from none', async () => {
    await fetch(receiver.url, signed('{}', secret));
    await fetch(receiver.url, signed('{}', another));
    await fetch(receiver.url, { ...signed('{}', secret), body: '{} ' });
    await fetch(receiver.url, signed('{}', secret, new Date(Date.now() - 3_600_000)));
    await fetch(receiver.url, { method: 'POST', body: '{}' });
    expect(signatures()).toEqual(['valid', 'invalid', 'invalid', 'invalid', 'invalid']);
  });

  it('checks against the secrets it trusts now, and says so when there are none', async () => {
    receiver.trust(another, secret);
    await fetch(receiver.url, signed('{}', another));
    receiver.trust();
    await fetch(receiver.url, signed('{}', another));
    expect(signatures()).toEqual(['valid', 'unchecked']);
  });

  it('answers as it was told, in that order, then as usual', async () => {
    receiver.answerNext({ status: 503, headers: { 'retry-after': '7' } }, { status: 410, body: 'gone' });
    receiver.answerAlways(({ path }) => ({ status: path === '/no' ? 400 : 202 }));
    const answers = [await fetch(receiver.url), await fetch(receiver.url), await fetch(receiver.url), await fetch(`${receiver.url}no`)];
    expect(answers.map(({ status }) => status)).toEqual([503, 410, 202, 400]);
    expect(answers[0]?.headers.get('retry-after')).toBe('7');
    expect(await answers[1]?.text()).toBe('gone');
  });

  it('cuts the connection, keeps silent or takes its time', async () => {
    receiver.answerNext('close', 'hang', { delay: 120 });
    await expect(fetch(receiver.url)).rejects.toThrow();
    await expect(fetch(receiver.url, { signal: AbortSignal.timeout(100) })).rejects.toThrow('aborted');
    const before = performance.now();
    await fetch(receiver.url);
    expect(performance.now() - before).toBeGreaterThan(110);
    expect(receiver.received).toHaveLength(3);
  });

  it('waits for what has not come yet, and says how much did when it does not come', async () => {
    const waiting = receiver.waitFor(2, ({ path }) => path === '/wanted');
    for (const path of ['wanted', 'other', 'wanted']) await fetch(receiver.url + path);
    expect(await waiting).toHaveLength(2);
    await expect(receiver.waitFor(3, ({ path }) => path === '/wanted', 60)).rejects.toThrow('2 of 3 requests came within 60 ms (3 in all).');
  });

  it('comes back at the same address', async () => {
    const { url } = receiver;
    await receiver.close();
    await expect(fetch(url)).rejects.toThrow();
    receiver = await webhookReceiver({ port: Number(new URL(url).port) });
    expect((await fetch(url)).status).toBe(200);
  });
});
