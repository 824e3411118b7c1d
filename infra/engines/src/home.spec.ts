import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRoot, temporaryHome } from './engine.fixture.js';
import { HomeUnusable, makeHome } from './home.js';

describe('BATON_HOME', () => {
  const { home, remove } = temporaryHome();
  afterAll(remove);

  it('is made with the folders above it, for nobody else to read', async () => {
    await makeHome(join(home, 'a', 'b'));
    expect(statSync(join(home, 'a', 'b')).mode & 0o777).toBe(0o700);
    await makeHome(join(home, 'a', 'b'));
  });

  it('is refused by name where no folder can be made', async () => {
    writeFileSync(join(home, 'file'), '');
    for (const [where, why] of [['/proc/x', '/proc belongs to the kernel'], ['/sys/x/y', '/sys belongs to the kernel'], [join(home, 'file'), 'is not a folder'], [join(home, 'file', 'x'), 'is not a folder']] as const) {
      const made = makeHome(where);
      await expect(made).rejects.toThrow(HomeUnusable);
      await expect(made).rejects.toThrow('BATON_HOME: ');
      await expect(made).rejects.toThrow(why);
    }
  });

  (isRoot || !existsSync('/root') ? it.skip : it)('is refused where this user may not write', async () => {
    await expect(makeHome('/root/x')).rejects.toThrow('this user may not');
  });
});
