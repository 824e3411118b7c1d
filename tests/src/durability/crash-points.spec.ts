import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERRANDS } from './errands.js';
import { COMPACT_APART } from '../resilience/matrix.js';
import { COMPACT, EXEMPT, killedOver, KILLED_AT } from './points.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CALL = /\bcrashPoint\(\s*([^)]*?)\s*\)/g;

const folders = (parent: string): string[] =>
  readdirSync(join(ROOT, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(ROOT, parent, entry.name, 'src')))
    .map(({ name }) => join(parent, name, 'src'));

const sources = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(spec|slow|fixture)\.ts$/.test(file))
    .map((file) => join(folder, file));

const callsIn = (file: string): { file: string; argument: string }[] =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(CALL)].map(([, argument]) => ({ file, argument: argument! })).filter(({ argument }) => argument !== 'name: string');

/** Arguments of every call in the code that is deployed. */
const calls = ['contracts/src', ...folders('libs'), ...folders('services'), ...folders('infra')].flatMap(sources).flatMap(callsIn);

const names = calls.map(({ argument }) => argument.replace(/^'(.*)'$/, '$1'));

describe('Crash points', () => {
  it('are found in the code, each named by a literal', () => {
    expect(calls.length).toBeGreaterThan(50);
    expect(calls.filter(({ argument }) => !/^'[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*'$/.test(argument))).toEqual([]);
  });

  it('have names of their own', () => {
    expect(names.filter((name, place) => names.indexOf(name) !== place)).toEqual([]);
  });

  it('are all killed at by a long run, or exempted with a reason; and nothing else is', () => {
    const killed = new Set([...killedOver('log').keys(), ...killedOver('kafka').keys()]);
    expect([...killed, ...Object.keys(EXEMPT)].sort()).toEqual([...new Set(names)].sort());
    for (const [name, reason] of Object.entries(EXEMPT)) expect({ name, words: reason.split(' ').length >= 5 }).toEqual({ name, words: true });
  });

  it('are killed at in both runs, where both reach them', () => {
    const onlyOver = (over: string): string[] => [...KILLED_AT].filter(([, kill]) => kill.over === over).map(([name]) => name);
    expect(onlyOver('kafka').filter((name) => !/^(kafka|outbox)\./.test(name))).toEqual([]);
    expect(onlyOver('log').filter((name) => ['walk', 'stop'].includes(KILLED_AT.get(name)!.scene) && !/^(log|consumer)\./.test(name))).toEqual([]);
    expect([...KILLED_AT.values()].filter(({ over, scene }) => over !== 'log' && !['walk', 'start', 'stop'].includes(scene))).toEqual([]);
  });

  it('that need an errand have one', () => {
    const scenes = new Set([...KILLED_AT.values()].map(({ scene }) => scene));
    expect(Object.keys(ERRANDS).filter((errand) => !scenes.has(errand as never))).toEqual([]);
  });

  it('of a compact run lie all along the path, and exist', () => {
    expect(COMPACT.length).toBeGreaterThanOrEqual(10);
    expect(COMPACT.filter((point) => !killedOver('log').has(point))).toEqual([]);
    expect(new Set(COMPACT.map((point) => point.split('.')[0]))).toEqual(new Set(['http', 'write', 'tx', 'relay', 'consumer', 'delivery']));
    expect(COMPACT_APART.filter(({ point }) => !killedOver('kafka').has(point))).toEqual([]);
    expect(new Set(COMPACT_APART.map(({ point }) => point.split('.')[0]))).toEqual(new Set(['http', 'tx', 'relay', 'kafka', 'consumer', 'delivery', 'outbox']));
  });
});
