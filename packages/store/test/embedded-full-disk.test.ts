/** Disks that are full or not to be written: what is said, and that nothing acknowledged is lost. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { StoreUser, bundleStoreUser } from './children/start.js';
import { inNewDirectory } from './directories.js';
import { SmallDisk } from './small-disk.js';

let bundleDirectory: string;
let bundle: string;

beforeAll(async () => {
  bundleDirectory = await mkdtemp(join(tmpdir(), 'pogo-store-bundle-'));
  bundle = await bundleStoreUser(bundleDirectory);
});

afterAll(() => rm(bundleDirectory, { recursive: true }));

/** Calls `body` with a disk of 3 MB and the directory of a store on it. */
function onSmallDisk(body: (disk: SmallDisk, directory: string) => Promise<void>): Promise<void> {
  return inNewDirectory(async (parent) => {
    const mountPoint = join(parent, 'disk');
    await mkdir(mountPoint);
    const disk = await SmallDisk.mount(mountPoint, '3m');
    try {
      await body(disk, join(mountPoint, 'store'));
    } finally {
      await disk.remove();
    }
  });
}

/** Appends until the disk is full; the child waits, and `index` is in doubt. */
async function fill(disk: SmallDisk, directory: string): Promise<{ child: StoreUser; index: number }> {
  const child = new StoreUser(bundle, { arguments: ['append', directory, '1000000'], wrapper: disk.wrapper });
  const doubt = (await child.linesUntil('doubt')).at(-1)!;
  assertFull(doubt.replace(/^doubt \d+ /, ''), directory);
  return { child, index: Number(doubt.split(' ')[1]) };
}

function assertFull(line: string, directory: string): void {
  const sentence = `store-unavailable the store in ${directory} can't be read or written: `;
  assert.ok(line.startsWith(sentence), line);
  assert.match(line, /No space left on device\. Its disk is full: make room there, then try again\. Nothing/);
}

/** How many entries a new process finds, each as it was written; or what it says instead. */
async function reopened(disk: SmallDisk, directory: string): Promise<string> {
  const child = new StoreUser(bundle, { arguments: ['count', directory], wrapper: disk.wrapper });
  try {
    return await child.line();
  } finally {
    await child.end();
  }
}

describe('an embedded store on a file system that is full', () => {
  it('leaves the append in doubt, says why and what to do, and goes on once there is room', () =>
    onSmallDisk(async (disk, directory) => {
      const { child, index } = await fill(disk, directory);
      try {
        assert.ok(index > 100, `only ${index} appends fitted`);
        child.say('again');
        assertFull((await child.line()).replace(`doubt ${index} `, ''), directory);
        await disk.remount('size=16m');
        child.say('again');
        assert.equal(await child.line(), `ok ${index}`);
        await child.linesUntil(`ok ${index + 30}`);
      } finally {
        await child.kill();
      }
      const count = Number((await reopened(disk, directory)).replace('count ', ''));
      assert.ok(count >= index + 31, `${count} of ${index + 31}`);
    }));

  it('loses nothing that was acknowledged when it is killed there, and opens as soon as there is room', () =>
    onSmallDisk(async (disk, directory) => {
      const { child, index } = await fill(disk, directory);
      await child.kill();
      const whileFull = await reopened(disk, directory);
      if (!whileFull.startsWith('count ')) assertFull(whileFull, directory);
      await disk.remount('size=16m');
      const count = Number((await reopened(disk, directory)).replace('count ', ''));
      assert.ok(
        count === index || count === index + 1,
        `${count} entries; ${index} were acknowledged, one in doubt`,
      );
    }));

  it('can’t be made there, and says so', () =>
    onSmallDisk(async (disk, directory) => {
      await disk.remount('size=4k');
      assertFull(await reopened(disk, directory), directory);
      await disk.remount('size=3m');
      assert.equal(await reopened(disk, directory), 'count 0');
    }));
});

describe('an embedded store on a file system that is read-only', () => {
  it('is refused, with what to do, and has everything once it may be written again', () =>
    onSmallDisk(async (disk, directory) => {
      const child = new StoreUser(bundle, { arguments: ['append', directory, '20'], wrapper: disk.wrapper });
      await child.linesUntil('ok 19');
      await child.end();
      await disk.remount('ro');
      const line = await reopened(disk, directory);
      assert.ok(
        line.startsWith(`store-unavailable the store in ${directory} can't be read or written: `),
        line,
      );
      assert.match(
        line,
        /[Rr]ead-only file system.* Make the directory and all in it writable for this account/,
      );
      await disk.remount('rw');
      assert.equal(await reopened(disk, directory), 'count 20');
    }));
});
