import { readNotification } from './notification.js';

const base = 'http://127.0.0.1:8080/fhir/R4';
const status = (type: string, event: object[] = []) => ({
  resource: { resourceType: 'Parameters', parameter: [{ name: 'type', valueCode: type }, ...(event.length > 0 ? [{ name: 'notification-event', part: event }] : [])] },
});
const reference = (name: string, to: string) => ({ name, valueReference: { reference: `${base}/${to}` } });

describe('a notification, as a partner reads it', () => {
  it('says what it is about, which versions, and its number', () => {
    const event = [{ name: 'event-number', valueString: '3' }, reference('focus', 'ServiceRequest/r'), reference('additional-context', 'Task/t')];
    const entry = [status('event-notification', event), { fullUrl: `${base}/ServiceRequest/r`, response: { status: '201', etag: 'W/"1"' } }, { fullUrl: `${base}/Task/t`, response: { status: '200', etag: 'W/"12"' } }];
    expect(readNotification({ entry })).toEqual({ type: 'event-notification', number: 3, focus: 'ServiceRequest/r', context: ['Task/t'], versions: { 'ServiceRequest/r': 1, 'Task/t': 12 }, lost: [] });
  });

  it('says what may no longer be seen', () => {
    const entry = [status('event-notification', [reference('focus', 'ServiceRequest/r')]), { fullUrl: `${base}/ServiceRequest/r`, response: { status: '410' } }];
    expect(readNotification({ entry })).toMatchObject({ focus: 'ServiceRequest/r', lost: ['ServiceRequest/r'] });
  });

  it('of a handshake is about nothing', () => {
    expect(readNotification({ entry: [status('handshake')] })).toEqual({ type: 'handshake', number: 0, focus: undefined, context: [], versions: {}, lost: [] });
  });
});
