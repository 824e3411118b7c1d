import { randomUUID } from 'node:crypto';
import { EXTENSIONS } from '@baton/contracts';
import { validate, type Resource } from '@baton/fhir';
import { statement } from '@baton/postgres';
import { eventually, webhookReceiver } from '@baton/testing';
import { changed, REFERRAL_CHANGES, referralRequest, validationRequest, type Change } from './spec/example-messages.js';
import { startMessageBaton, type Answer, type MessageBaton } from './spec/message-baton.js';

const SENDER = 'ambulance-control';
const RECEIVER = 'adult-crisis';
const ERRORS = 'https://fhir.nhs.uk/Codesystem/http-error-codes';

// What FHIR answers hold is looked at, not typed.
/* eslint-disable @typescript-eslint/no-explicit-any */
const inBundle = (body: any, type: string): any => body.entry.map((entry: any) => entry.resource).find((resource: any) => resource.resourceType === type);
const rulesIn = (outcome: any, severity: string): string[] =>
  outcome.issue.filter((issue: any) => issue.severity === severity).flatMap((issue: any) => issue.details.coding ?? []).filter((coding: any) => coding.system.startsWith('https://baton.example')).map((coding: any) => coding.code);

/** Another person each time: two open referrals of one would be duplicates. */
let born = 0;
const another = (): Change[] => [
  { op: 'replace', path: '/entry/5/resource/identifier', value: [{ system: 'https://sender.url/Id/person', value: randomUUID() }] },
  { op: 'replace', path: '/entry/5/resource/birthDate', value: `19${60 + (born++ % 30)}-05-04` },
];

let baton: MessageBaton;
beforeAll(async () => {
  baton = await startMessageBaton();
}, 60_000);
afterAll(() => baton.stop());

/** How many resources and events there are, in all schemas. */
async function stored(): Promise<Record<string, number>> {
  const count = async (table: string): Promise<[string, number]> => [table, (await baton.database.admin<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`))[0]!.n];
  const tables = ['directory.history', 'referrals.history', 'episodes.history', 'consent.history', 'referrals.referral', 'gateway.message'];
  return Object.fromEntries(await Promise.all(tables.map(count)));
}

const refer = async (more: readonly Change[] = [], headers: Record<string, string> = {}): Promise<{ answer: Answer; message: Resource; id: string }> => {
  const message = referralRequest([...another(), ...more]);
  const answer = await baton.message(SENDER, message, headers);
  return { answer, message, id: answer.status === 200 ? inBundle(answer.body, 'ServiceRequest').id : '' };
};

describe('a published validation request', () => {
  it('is answered as what it is: eligible, nothing stored, what was tolerated named', async () => {
    const before = await stored();
    const answer = await baton.message(SENDER, validationRequest());
    expect(answer.status).toBe(200);
    expect(validate(answer.body, 'Bundle')).toEqual([]);
    const [header] = answer.body.entry.map((entry: any) => entry.resource);
    expect(header).toMatchObject({
      resourceType: 'MessageHeader',
      eventCoding: { system: 'https://fhir.nhs.uk/CodeSystem/message-events-bars', code: 'servicerequest-response' },
      response: { identifier: validationRequest().id, code: 'ok' },
      source: { endpoint: 'https://fhir.nhs.uk/Id/dos-service-id|111111111' },
    });
    expect(header.destination[0].endpoint).toContain('2222222222');
    const outcome = inBundle(answer.body, 'OperationOutcome');
    expect(outcome.issue[0].details.text).toMatch(/^Eligible\. Nothing was stored\. Judged by .*adult-crisis-example\|1/);
    expect(rulesIn(outcome, 'error')).toEqual([]);
    expect([...new Set(rulesIn(outcome, 'warning'))].sort()).toEqual([
      'authored-on-missing',
      'dos-system-http',
      'identifier-system-case',
      'nhs-number-check-digit',
      'occurrence-past',
      'older-verification-status',
      'priority-missing',
      'reference-not-in-message',
    ]);
    expect(inBundle(answer.body, 'ServiceRequest')).toMatchObject({ status: 'active', category: [{ coding: [{ code: 'validation' }] }] });
    expect(await stored()).toEqual(before);
  });

  it('names every reason against it where the person is not eligible', async () => {
    const young = changed(validationRequest(), [
      { op: 'replace', path: '/entry/5/resource/birthDate', value: '2012-05-04' },
      { op: 'replace', path: '/entry/5/resource/address', value: [{ city: 'Truro' }] },
    ]);
    const answer = await baton.message(SENDER, young);
    expect(answer.status).toBe(200);
    expect(inBundle(answer.body, 'MessageHeader').response.code).toBe('fatal-error');
    const outcome = inBundle(answer.body, 'OperationOutcome');
    expect(rulesIn(outcome, 'error').sort()).toEqual(['age-outside-band', 'locality-not-served']);
    expect(outcome.issue.filter((issue: any) => issue.severity === 'error').flatMap((issue: any) => issue.expression)).toEqual(
      expect.arrayContaining(['Bundle.entry[5].resource.birthDate', 'Bundle.entry[5].resource.address']),
    );
    expect(inBundle(answer.body, 'ServiceRequest').status).toBe('revoked');
  });

  it('may be asked again under the same ids, since nothing was done', async () => {
    const ids = { 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID() };
    for (let i = 0; i < 2; i++) expect((await baton.message(SENDER, validationRequest(), ids)).status).toBe(200);
  });
});

describe('a referral message', () => {
  it('is made from the published one by these changes and no others', () => {
    expect(REFERRAL_CHANGES.map(({ op, path }) => `${op} ${path}`)).toEqual([
      'replace /entry/0/resource/definition',
      'replace /entry/1/resource/category/0/coding/0',
      'add /entry/1/resource/authoredOn',
      'replace /entry/5/resource/identifier/0/value',
    ]);
    const { id: _id, ...made } = referralRequest();
    const { id: _before, ...asItCame } = validationRequest();
    const differing = (a: any, b: any, at: string): string[] =>
      typeof a === 'object' && typeof b === 'object' && a && b
        ? [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => differing(a[key], b[key], `${at}/${key}`))
        : a === b
          ? []
          : [at];
    expect(differing(made, asItCame, '')).toEqual([
      '/entry/0/resource/definition',
      '/entry/1/resource/category/0/coding/0/code',
      '/entry/1/resource/category/0/coding/0/display',
      '/entry/1/resource/authoredOn',
      '/entry/5/resource/identifier/0/value',
    ]);
  });

  it('is stored whole, answered with the ids that were assigned, and nothing of it is lost in silence', async () => {
    const message = referralRequest();
    const answer = await baton.message(SENDER, message);
    expect(answer.status).toBe(200);
    expect(validate(answer.body, 'Bundle')).toEqual([]);
    expect(inBundle(answer.body, 'MessageHeader').response).toMatchObject({ identifier: message.id, code: 'ok' });
    const urls = (message['entry'] as { fullUrl: string }[]).map(({ fullUrl }) => fullUrl);
    const written = answer.body.entry.filter((entry: any) => urls.includes(entry.fullUrl));
    expect(written.map((entry: any) => entry.resource.resourceType).sort()).toEqual(['CarePlan', 'Consent', 'Encounter', 'Observation', 'Patient', 'ServiceRequest']);
    for (const { resource } of written) {
      const read = await baton.send(SENDER, 'GET', `${resource.resourceType}/${resource.id}`);
      expect({ type: resource.resourceType, status: read.status }).toEqual({ type: resource.resourceType, status: 200 });
    }
    const request = (await baton.send(SENDER, 'GET', `ServiceRequest/${inBundle(answer.body, 'ServiceRequest').id}`)).body;
    expect(request).toMatchObject({ authoredOn: '2021-11-26T15:00:00+00:00', intent: 'plan', performer: [{ reference: 'HealthcareService/adult-crisis-example.adult-crisis' }] });
    expect(request.contained.map((each: any) => each.resourceType).sort()).toEqual(['Flag', 'Location', 'Practitioner']);
    const outcome = inBundle(answer.body, 'OperationOutcome');
    const places = outcome.issue.filter((issue: any) => ['not-stored', 'kept-inside'].includes(issue.details.coding?.[0]?.code)).map((issue: any) => `${issue.details.coding[0].code} ${issue.expression[0]}`);
    expect(places.sort()).toEqual(['kept-inside Bundle.entry[17].resource', ...[15, 7, 8, 9].map((place) => `not-stored Bundle.entry[${place}].resource`)]);
  });

  it('comes to the receiver, is accepted, and the decision goes back as a message to the registered Endpoint alone', async () => {
    const [there, told] = [await webhookReceiver(), await webhookReceiver()];
    try {
      expect((await baton.send(RECEIVER, 'POST', 'Subscription', subscriptionTo(told.url))).status).toBe(201);
      await told.waitFor(1);
      const endpoint = { resourceType: 'Endpoint', status: 'active', connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'hl7-fhir-msg' }, payloadType: [{ text: 'Messages' }], address: `${there.url}fhir/$process-message` };
      expect((await baton.send(SENDER, 'POST', 'Endpoint', endpoint)).status).toBe(201);
      const secret = (await baton.send(SENDER, 'POST', '/api/notifications/v1/signing-secrets', {}, { 'content-type': 'application/json' })).body.secret as string;
      there.trust(secret);

      const { id, message, answer } = await refer();
      expect(answer.status).toBe(200);
      await told.waitFor(1, (received) => received.body.includes(`ServiceRequest/${id}`));
      const task = await eventually(async () => {
        const found = (await baton.send(RECEIVER, 'GET', `Task?focus=ServiceRequest/${id}`)).body;
        expect(found.total).toBe(1);
        return found.entry[0].resource;
      });
      const accepted = await baton.send(RECEIVER, 'PUT', `Task/${task.id}`, { ...task, status: 'accepted' });
      expect(accepted.status).toBe(200);

      const [received] = await there.waitFor(1, (each) => each.body.includes(id));
      expect(received!.path).toBe('/fhir/$process-message');
      expect(received!.signature).toBe('valid');
      expect(received!.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
      expect(JSON.parse(Buffer.from(received!.headers['nhsd-target-identifier'] as string, 'base64').toString())).toEqual({ value: '2222222222', system: 'https://fhir.nhs.uk/Id/dos-service-id' });
      const bundle = received!.json() as any;
      expect(validate(bundle, 'Bundle')).toEqual([]);
      expect(bundle.type).toBe('message');
      expect(bundle.id).toBe(received!.headers['x-request-id']);
      const header = bundle.entry[0].resource;
      expect(header).toMatchObject({ eventCoding: { code: 'servicerequest-response' }, response: { identifier: message.id, code: 'ok' }, source: { endpoint: 'https://fhir.nhs.uk/Id/dos-service-id|111111111' } });
      expect(inBundle(bundle, 'ServiceRequest')).toMatchObject({ id, status: 'active' });
      expect(inBundle(bundle, 'Task')).toMatchObject({ status: 'accepted' });
      expect(inBundle(bundle, 'OperationOutcome').issue[0].details.text).toBe('The service takes the young person on.');
      await eventually(async () => {
        const { messages } = (await baton.send(SENDER, 'GET', '/api/notifications/v1/messages')).body;
        expect(messages.find((each: any) => each.referral === id)).toMatchObject({ state: 'delivered', attempts: 1 });
      });
      expect((await baton.send(RECEIVER, 'GET', '/api/notifications/v1/messages')).body.messages).toEqual([]);
    } finally {
      await Promise.all([there.close(), told.close()]);
    }
  });

  it('keeps an NHS number that fails its check, names it, and links no person by it', async () => {
    const failing = { op: 'replace', path: '/entry/5/resource/identifier', value: [{ extension: [{ url: EXTENSIONS.nhsNumberVerification, valueCodeableConcept: { coding: [{ system: 'https://fhir.hl7.org.uk/CodeSystem/UKCore-NHSNumberVerificationStatus', code: 'number-present-and-verified' }] } }], system: 'https://fhir.nhs.uk/Id/nhs-number', value: '9990000019' }] } as const;
    const [one, two] = [await refer([failing]), await refer([failing])];
    expect([one.answer.status, two.answer.status]).toEqual([200, 200]);
    expect(rulesIn(inBundle(one.answer.body, 'OperationOutcome'), 'warning')).toContain('nhs-number-check-digit');
    const patients = [one, two].map(({ answer }) => inBundle(answer.body, 'Patient'));
    expect(patients[0].identifier[0].value).toBe('9990000019');
    const persons = await baton.database.admin<{ person: string }>('SELECT DISTINCT person FROM directory.person_v1 WHERE patient = ANY($1)', [patients.map(({ id }) => id)]);
    expect(persons).toHaveLength(2);
  });

  it('refers out of itself only to what its sender sees here: the same for what is hidden and for what never was', async () => {
    const { answer: earlier } = await refer();
    const own = inBundle(earlier.body, 'Encounter').id as string;
    const hidden = randomUUID();
    const asked = async (id: string): Promise<any> => {
      const { answer } = await refer([{ op: 'add', path: '/entry/3/resource/partOf', value: { reference: `Encounter/${id}` } }]);
      return inBundle(answer.body, 'Encounter').partOf;
    };
    expect(await asked(own)).toEqual({ reference: `Encounter/${own}` });
    const others = await baton.send(RECEIVER, 'POST', 'Patient', { resourceType: 'Patient', birthDate: '1970-01-01' });
    const theirs = await baton.send(RECEIVER, 'POST', 'Encounter', { resourceType: 'Encounter', status: 'finished', class: { code: 'AMB' }, subject: { reference: `Patient/${others.body.id}` } });
    expect(theirs.status).toBe(201);
    expect(await asked(theirs.body.id)).toEqual({ type: 'Encounter', identifier: { value: `Encounter/${theirs.body.id}` } });
    expect(await asked(hidden)).toEqual({ type: 'Encounter', identifier: { value: `Encounter/${hidden}` } });
  });

  it('that is not eligible is refused with every reason, and leaves nothing in any schema', async () => {
    const before = await stored();
    const { answer } = await refer([{ op: 'replace', path: '/entry/5/resource/birthDate', value: '2012-05-04' }, { op: 'replace', path: '/entry/5/resource/address', value: [{ city: 'Truro' }] }]);
    expect(answer.status).toBe(422);
    expect(rulesIn(answer.body, 'error').sort()).toEqual(['age-outside-band', 'locality-not-served']);
    expect(answer.body.issue.flatMap((issue: any) => issue.expression).sort()).toEqual(['Bundle.entry[5].resource.address', 'Bundle.entry[5].resource.birthDate']);
    expect(await stored()).toEqual(before);
  });

  it('is not taken from one partner in the name of another', async () => {
    const before = await stored();
    const answer = await baton.message(RECEIVER, referralRequest(another()));
    expect(answer.status).toBe(403);
    expect(answer.body.issue[0].details.coding[0]).toEqual({ system: ERRORS, code: 'REC_FORBIDDEN' });
    expect(await stored()).toEqual(before);
  });
});

describe('a message that is sent again', () => {
  it('was carried out already: 409, duplicate, with a pointer, and nothing is done twice', async () => {
    const ids = { 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID() };
    const { message, id } = await refer([], ids);
    const before = await stored();
    const again = await baton.message(SENDER, message, ids);
    expect(again.status).toBe(409);
    expect(again.body.issue[0]).toMatchObject({ code: 'duplicate', details: { coding: [{ system: ERRORS, code: 'REC_CONFLICT' }, { code: 'message-processed-already' }] } });
    expect(JSON.stringify(again.body)).toContain(`ServiceRequest/${id}`);
    expect(again.headers.get('x-request-id')).toBe(ids['x-request-id']);
    expect(await stored()).toEqual(before);
  });

  it('at the same moment is carried out once', async () => {
    const message = referralRequest(another());
    const ids = { 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID() };
    const answers = await Promise.all(Array.from({ length: 4 }, () => baton.message(SENDER, message, ids)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
  });

  it('while the first is still in work: 425 after waiting 5 s', async () => {
    const message = referralRequest(another());
    const gateway = await baton.database.open('gateway');
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let claimed = (): void => undefined;
    const begun = new Promise<void>((resolve) => (claimed = resolve));
    const first = gateway.transaction(async (tx) => {
      await tx.query(
        statement(`INSERT INTO gateway.message (partner, bundle, request_id, correlation_id, kind, reason, focus_url, source, destination) VALUES ($1, $2, 'r', 'c', 'referral', 'new', 'u', '{}', '{}')`),
        [SENDER, message.id],
      );
      claimed();
      await finished;
      throw new Error('rolled back');
    });
    await begun;
    const answer = await baton.message(SENDER, message);
    finish();
    await first.catch(() => undefined);
    expect(answer.status).toBe(425);
    expect(answer.body.issue[0].details.coding[0].code).toBe('REC_TOO_EARLY');
    expect(answer.headers.get('retry-after')).toBe('1');
    expect((await baton.message(SENDER, message)).status).toBe(200);
  }, 20_000);

  it('under an Idempotency-Key gets the first answer again: that goes before the ids of the message', async () => {
    const headers = { 'idempotency-key': randomUUID(), 'x-request-id': randomUUID(), 'x-correlation-id': randomUUID() };
    const { message, answer } = await refer([], headers);
    const again = await baton.message(SENDER, message, headers);
    expect(again.status).toBe(200);
    expect(again.body).toEqual(answer.body);
    const other = await baton.message(SENDER, referralRequest(another()), headers);
    expect([other.status, rulesIn(other.body, 'error')]).toEqual([422, ['idempotency-key-reused']]);
  });

  it('about the same person under new ids is the business duplicate, with a pointer to the open referral', async () => {
    const person = { op: 'replace', path: '/entry/5/resource/identifier/0/value', value: '9990000026' } as const;
    const first = await baton.message(SENDER, referralRequest([person]));
    expect(first.status).toBe(200);
    const second = await baton.message(SENDER, referralRequest([person]));
    expect([second.status, rulesIn(second.body, 'error')]).toEqual([409, ['referral-open-already']]);
    expect(JSON.stringify(second.body)).toContain(`ServiceRequest/${inBundle(first.body, 'ServiceRequest').id}`);
  });
});

describe('a cancellation', () => {
  const takeBack = (message: Resource, reason: 'update' | 'delete', status: string, more: readonly Change[] = []): Resource =>
    changed(message, [{ op: 'replace', path: '/entry/0/resource/reason/coding/0/code', value: reason }, { op: 'replace', path: '/entry/1/resource/status', value: status }, ...more]);
  const stateOf = async (id: string): Promise<string[]> => {
    const request = (await baton.send(SENDER, 'GET', `ServiceRequest/${id}`)).body;
    const task = (await baton.send(SENDER, 'GET', `Task?focus=ServiceRequest/${id}`)).body.entry[0].resource;
    return [request.status, task.status];
  };

  it.each([
    ['update', 'revoked', ['revoked', 'cancelled']],
    ['delete', 'revoked', ['revoked', 'cancelled']],
    ['update', 'entered-in-error', ['entered-in-error', 'entered-in-error']],
    ['delete', 'entered-in-error', ['entered-in-error', 'entered-in-error']],
  ] as const)('with reason %s and status %s takes the referral back', async (reason, status, state) => {
    const { message, id } = await refer();
    const answer = await baton.message(SENDER, takeBack(message, reason, status));
    expect(answer.status).toBe(200);
    expect(inBundle(answer.body, 'ServiceRequest')).toMatchObject({ id, status });
    expect(await stateOf(id)).toEqual(state);
  });

  it('finds the referral by the id it was given here, and refuses if it has changed since', async () => {
    const { message, id } = await refer();
    const byId = (version: string): Resource => takeBack(message, 'update', 'revoked', [{ op: 'add', path: '/entry/1/resource/id', value: id }, { op: 'add', path: '/entry/1/resource/meta/versionId', value: version }]);
    const current = (await baton.send(SENDER, 'GET', `ServiceRequest/${id}`)).body;
    await baton.send(SENDER, 'PUT', `ServiceRequest/${id}`, { ...current, priority: 'urgent' });
    const stale = await baton.message(SENDER, byId('1'));
    expect([stale.status, stale.body.issue[0].code, stale.body.issue[0].details.coding[0].code]).toEqual([409, 'conflict', 'REC_CONFLICT']);
    expect(await stateOf(id)).toEqual(['active', 'requested']);
    expect((await baton.message(SENDER, byId('2'))).status).toBe(200);
    expect(await stateOf(id)).toEqual(['revoked', 'cancelled']);
  });

  it('of a referral that is closed already is refused, naming what is allowed', async () => {
    const { message } = await refer();
    expect((await baton.message(SENDER, takeBack(message, 'update', 'revoked'))).status).toBe(200);
    const again = await baton.message(SENDER, takeBack(message, 'update', 'revoked'));
    expect(again.status).toBe(422);
  });

  it('of what no message of the sender led to is 404, as if it did not exist', async () => {
    const unknown = await baton.message(SENDER, takeBack(referralRequest([{ op: 'replace', path: '/entry/1/fullUrl', value: 'urn:uuid:00000000-0000-4000-8000-000000000001' }, { op: 'replace', path: '/entry/0/resource/focus/0/reference', value: 'urn:uuid:00000000-0000-4000-8000-000000000001' }]), 'update', 'revoked'));
    expect([unknown.status, unknown.body.issue[0].code, unknown.body.issue[0].details.coding[0].code]).toEqual([404, 'not-found', 'REC_NOT_FOUND']);
    const { message } = await refer();
    const others = await baton.message(RECEIVER, takeBack(message, 'update', 'revoked'));
    expect(others.status).toBe(404);
  });
});

describe('what is taken', () => {
  it('is listed for a service that is known, and empty for another', async () => {
    const known = await baton.send(SENDER, 'GET', 'MessageDefinition?context=111111111');
    expect([known.status, known.body.total]).toEqual([200, 3]);
    expect(validate(known.body, 'Bundle')).toEqual([]);
    expect((await baton.send(SENDER, 'GET', 'MessageDefinition?context=999999')).body.total).toBe(0);
  });

  it('is in the CapabilityStatement', async () => {
    const { body } = await baton.send(SENDER, 'GET', 'metadata');
    expect(body.rest[0].operation).toContainEqual({ name: 'process-message', definition: 'http://hl7.org/fhir/OperationDefinition/MessageHeader-process-message' });
  });
});

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';
const subscriptionTo = (endpoint: string): object => ({
  resourceType: 'Subscription',
  meta: { profile: [`${BACKPORT}/backport-subscription`] },
  status: 'requested',
  reason: 'To be told',
  criteria: 'https://baton.example/fhir/SubscriptionTopic/referral',
  channel: { type: 'rest-hook', endpoint, payload: 'application/fhir+json', _payload: { extension: [{ url: `${BACKPORT}/backport-payload-content`, valueCode: 'id-only' }] } },
});
