import { renderBundle, transactionResponse } from './bundle.js';

describe('a Bundle to be sent', () => {
  it('holds stored text as it is, decimals and element order included', () => {
    const stored = '{"value":1.00,"resourceType":"Basic"}';
    const text = renderBundle({
      type: 'searchset',
      total: 1,
      link: [{ relation: 'self', url: 'https://baton.example/fhir/R4/Basic?code=a"b' }],
      entry: [{ fullUrl: 'https://baton.example/fhir/R4/Basic/1', resource: stored, search: { mode: 'match' } }, { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } }],
    });
    expect(text).toContain(`"resource":${stored},`);
    expect(JSON.parse(text)).toEqual({
      resourceType: 'Bundle',
      type: 'searchset',
      total: 1,
      link: [{ relation: 'self', url: 'https://baton.example/fhir/R4/Basic?code=a"b' }],
      entry: [
        { fullUrl: 'https://baton.example/fhir/R4/Basic/1', resource: { value: 1, resourceType: 'Basic' }, search: { mode: 'match' } },
        { resource: { resourceType: 'OperationOutcome' }, search: { mode: 'outcome' } },
      ],
    });
  });

  it('has no empty lists, but a total of nothing', () => {
    expect(renderBundle({ type: 'searchset', total: 0, link: [], entry: [] })).toBe('{"resourceType":"Bundle","type":"searchset","total":0}');
  });

  it('answers each entry of a transaction by status, place and version', () => {
    const bundle = transactionResponse('transaction', [
      { status: 201, location: 'Patient/1/_history/1', version: 1, lastModified: new Date('2026-11-25T10:00:00Z'), resource: '{"resourceType":"Patient"}' },
      { status: 204 },
    ]);
    expect(JSON.parse(renderBundle(bundle))).toEqual({
      resourceType: 'Bundle',
      type: 'transaction-response',
      entry: [
        { resource: { resourceType: 'Patient' }, response: { status: '201', location: 'Patient/1/_history/1', etag: 'W/"1"', lastModified: '2026-11-25T10:00:00.000Z' } },
        { response: { status: '204' } },
      ],
    });
  });
});
