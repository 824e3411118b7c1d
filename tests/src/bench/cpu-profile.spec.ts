import { packageOf, summaryOfProfile } from './cpu-profile.js';
import { processOf } from './processes.js';

const frame = (functionName: string, url = ''): { functionName: string; url: string; lineNumber: number } => ({ functionName, url, lineNumber: 0 });

describe('a CPU profile', () => {
  it('leaves idle time out, and counts callees where the total is asked for', () => {
    const summary = summaryOfProfile({
      nodes: [
        { id: 1, callFrame: frame('(root)'), children: [2, 3] },
        { id: 2, callFrame: frame('(idle)') },
        { id: 3, callFrame: frame('write', 'file:///x/libs/fhir-store/dist/writing.js'), children: [4] },
        { id: 4, callFrame: frame('query', 'file:///x/node_modules/pg/lib/client.js') },
      ],
      samples: [2, 3, 4, 4],
      timeDeltas: [60, 10, 10, 20],
    });
    expect(summary.busy).toBe(40);
    expect(summary.byPackage).toEqual([{ name: 'pg', share: 75 }, { name: '@baton/fhir-store', share: 25 }]);
    expect(summary.total).toEqual([{ name: 'write — @baton/fhir-store writing.js:1', share: 100 }]);
  });

  it('knows whose code it is', () => {
    expect(packageOf(frame('f', 'file:///x/node_modules/@nestjs/core/a.js'))).toBe('@nestjs/core');
    expect(packageOf(frame('f', 'file:///x/services/consent/dist/a.js'))).toBe('@baton/consent');
    expect(packageOf(frame('f', 'node:internal/streams/writable'))).toBe('node:streams');
    expect(packageOf(frame('(garbage collector)'))).toBe('(garbage collector)');
  });
});

describe('/proc/<pid>/stat', () => {
  it('is read behind the name, which may hold anything', () => {
    const stat = '42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 20 30 20 0 1 0 100 0 0';
    expect(processOf(stat)).toEqual({ pid: 42, parent: 7, cpuSeconds: 2, endedChildrenSeconds: 0.5 });
  });
});
