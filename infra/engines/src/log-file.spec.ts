import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastLines, trimLog } from './log-file.js';

describe('The log file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'baton-log-'));
  const file = join(folder, 'postgres.log');
  const descriptor = openSync(file, 'a');
  afterAll(() => {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  });

  it('is moved aside once it is too long, while the program that writes it goes on', () => {
    writeSync(descriptor, 'one\ntwo\n');
    trimLog(file, 8);
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    writeSync(descriptor, 'three\n');
    trimLog(file, 8);
    writeSync(descriptor, 'four\n');
    expect(readFileSync(file, 'utf8')).toBe('four\n');
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('one\ntwo\nthree\n');
  });

  it('gives its last lines for a message, and nothing if it is not there', () => {
    expect(lastLines(`${file}.1`, 2)).toBe('two\nthree');
    expect(lastLines(join(folder, 'none'))).toBe('');
  });
});
