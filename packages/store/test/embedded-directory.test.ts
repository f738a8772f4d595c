import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError, openStore } from '@pogo/store';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { StoreUser, bundleStoreUser } from './children/start.js';
import { inNewDirectory } from './directories.js';

let bundleDirectory: string;
let bundle: string;

beforeAll(async () => {
  bundleDirectory = await mkdtemp(join(tmpdir(), 'pogo-store-bundle-'));
  bundle = await bundleStoreUser(bundleDirectory);
});

afterAll(() => rm(bundleDirectory, { recursive: true }));

describe('the directory of an embedded store', () => {
  it('is made when it is not there, for its owner alone', () =>
    inNewDirectory(async (parent) => {
      const directory = join(parent, 'a', 'b');
      await makeStore(directory);
      assert.equal((await stat(directory)).mode & 0o777, 0o700);
      assert.deepEqual((await readdir(directory)).toSorted(), ['ACKNOWLEDGED', 'FORMAT', 'level']);
    }));

  it('may exist, empty, or as left by a creation that was interrupted', () =>
    inNewDirectory(async (parent) => {
      await makeStore(parent);
      for (const name of ['FORMAT', 'ACKNOWLEDGED']) await rm(join(parent, name));
      await writeFile(join(parent, 'FORMAT.new'), 'pogo-st');
      await makeStore(parent);
    }));

  it('is refused to a second opener, of the same process or of another, until the first has closed it', () =>
    inNewDirectory(async (directory) => {
      const holder = await openStore(`embedded:${directory}`);
      await refuses(directory, 'store-locked', /is open in this process: stop what uses it there/);
      const link = `${directory}-link`;
      await symlink(directory, link);
      await refuses(link, 'store-locked', /is open in this process/).finally(() => rm(link));
      const second = new StoreUser(bundle, { arguments: ['open', directory] });
      try {
        const line = await second.line();
        assert.ok(line.startsWith(`store-locked the store in ${directory} is open in another process`), line);
        await second.end();
        await holder.close();
        const third = new StoreUser(bundle, { arguments: ['open', directory] });
        try {
          assert.equal(await third.line(), 'open');
          await refuses(directory, 'store-locked', /is open in another process/);
          await third.end();
        } finally {
          await third.kill();
        }
        await (await openStore(`embedded:${directory}`)).close();
      } finally {
        await second.kill();
        await holder.close();
      }
    }));

  it('is opened by one of two processes that make it at the same moment', () =>
    inNewDirectory(async (parent) => {
      const directory = join(parent, 'store');
      const children = [0, 1].map(() => new StoreUser(bundle, { arguments: ['open', directory] }));
      try {
        const lines = await Promise.all(children.map((child) => child.line()));
        assert.equal(lines.filter((line) => line === 'open').length, 1, lines.join('\n'));
        assert.equal(lines.filter((line) => line.startsWith('store-locked')).length, 1, lines.join('\n'));
      } finally {
        await Promise.all(children.map((child) => child.kill()));
      }
      await (await openStore(`embedded:${directory}`)).close();
    }));

  it('is refused when a newer version has written it, and nothing in it changes', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory);
      await writeFile(join(directory, 'FORMAT'), 'pogo-store 2\n');
      const before = await readdir(join(directory, 'level'));
      await refuses(
        directory,
        'store-format-newer',
        /has format 2, and this version reads up to 1: use the newer/,
      );
      assert.deepEqual(await readdir(join(directory, 'level')), before);
    }));

  it('is refused when it holds other files, and when FORMAT is not ours', () =>
    inNewDirectory(async (directory) => {
      await writeFile(join(directory, 'thesis.txt'), 'all of it');
      await refuses(
        directory,
        'store-unsupported',
        /holds other files \(thesis\.txt\): use an empty or a new/,
      );
      assert.deepEqual(await readdir(directory), ['thesis.txt']);
      await rm(join(directory, 'thesis.txt'));
      await writeFile(join(directory, 'FORMAT'), 'something else\n');
      await refuses(directory, 'store-corrupt', /its file FORMAT is not one of ours/);
    }));

  it('is refused when the database is gone from it, instead of beginning an empty one', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory);
      await rm(join(directory, 'level', 'CURRENT'));
      await refuses(directory, 'store-corrupt', /is damaged: .*Restore the directory from a backup/);
      await rm(join(directory, 'level'), { recursive: true });
      await refuses(directory, 'store-corrupt', /is damaged/);
    }));

  it('is refused when a table of the database is missing', () =>
    inNewDirectory(async (directory) => {
      await makeStore(directory);
      // Opening it again turns the write-ahead log into a table.
      await makeStore(directory);
      const level = join(directory, 'level');
      const tables = (await readdir(level)).filter((name) => name.endsWith('.ldb'));
      assert.ok(tables.length > 0);
      for (const table of tables) await rm(join(level, table));
      await refuses(directory, 'store-corrupt', /missing files/);
    }));

  it('gives a clear error where it can neither be made nor written', () =>
    inNewDirectory(async (parent) => {
      await writeFile(join(parent, 'file'), '');
      await refuses(
        join(parent, 'file', 'store'),
        'store-unavailable',
        /not a directory.* Check that the directory may be written/,
      );

      await makeStore(join(parent, 'store'));
      await mkdir(join(parent, 'readonly'));
      const cases = [
        { directory: join(parent, 'readonly', 'store'), readOnly: join(parent, 'readonly') },
        { directory: join(parent, 'store'), readOnly: join(parent, 'store', 'level') },
      ];
      for (const { directory, readOnly } of cases) {
        await chmod(readOnly, 0o500);
        const child = new StoreUser(bundle, { arguments: ['open', directory], wrapper: withoutOverride() });
        try {
          const line = await child.line();
          assert.ok(
            line.startsWith(`store-unavailable the store in ${directory} can't be read or written`),
            line,
          );
          assert.match(
            line,
            /[Pp]ermission denied.* Make the directory and all in it writable for this account/,
          );
          if (child.process.exitCode === null) await once(child.process, 'exit');
          assert.equal(child.process.exitCode, 1);
        } finally {
          await child.kill();
          await chmod(readOnly, 0o700);
        }
      }
      await (await openStore(`embedded:${join(parent, 'store')}`)).close();
    }));
});

/** For root, permissions count only without these capabilities. */
function withoutOverride(): string[] {
  if (process.getuid?.() !== 0) return [];
  return ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all'];
}

async function makeStore(directory: string): Promise<void> {
  const store = await openStore(`embedded:${directory}`);
  for (let index = 0; index < 3; index += 1) {
    const body = new TextEncoder().encode(`the body of entry ${index}`);
    assert.equal((await store.log('main').append(index, { writer: 'w', id: `${index}`, body })).kind, 'ok');
  }
  await store.close();
}

async function refuses(directory: string, code: string, message: RegExp): Promise<void> {
  await assert.rejects(openStore(`embedded:${directory}`), (error) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.message.includes(directory), error.message);
    assert.match(error.message, message);
    return true;
  });
}
