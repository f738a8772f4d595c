import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError, openStore } from '@pogo/store';
import { describe, it } from 'vitest';
import { inNewDirectory } from './directories.js';

async function refusalOf(url: string): Promise<string> {
  const error = await openStore(url).then(
    () => assert.fail(`${url} was opened`),
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof StoreError);
  assert.equal(error.code, 'store-unsupported');
  return error.message;
}

describe('the URL of a ZooKeeper store', () => {
  it('is refused with the cause where it says something wrong or unsafe', async () => {
    const cases: [string, RegExp][] = [
      ['zookeeper:zk1:2181/pogo', /not of the form zookeeper:\/\/HOST:PORT/],
      ['zookeeper://', /"" is not HOST:PORT/],
      ['zookeeper://127.0.0.1:0/pogo', /"127.0.0.1:0" is not HOST:PORT/],
      ['zookeeper://127.0.0.1:2181,/pogo', /"" is not HOST:PORT/],
      ['zookeeper://127.0.0.1:2181/po go', /"po go" can't be part of a chroot/],
      ['zookeeper://127.0.0.1:2181/zookeeper', /"zookeeper" can't be part of a chroot/],
      ['zookeeper://127.0.0.1:2181/../pogo', /"\.\." can't be part of a chroot/],
      ['zookeeper://127.0.0.1:2181/a//b', /"" can't be part of a chroot/],
      ['zookeeper://127.0.0.1/pogo?timeout=5', /timeout: unknown setting/],
      ['zookeeper://127.0.0.1/pogo?sessionTimeoutMs=soon', /sessionTimeoutMs: not a number of milliseconds/],
      ['zookeeper://127.0.0.1/pogo?callTimeoutMs=1&callTimeoutMs=2', /callTimeoutMs is given twice/],
      ['zookeeper://127.0.0.1/pogo?plaintext=yes', /plaintext: only plaintext=accepted/],
    ];
    for (const [url, cause] of cases) assert.match(await refusalOf(url), cause, url);
  });

  it('names another machine only together with the word that its link is in plain text', async () => {
    for (const host of ['zk1.example.com', '10.0.0.1', '[2001:db8::1]', '127.0.0.1:2181,zk2']) {
      assert.match(
        await refusalOf(`zookeeper://${host}/pogo`),
        /has no TLS: lay a tunnel .* or add plaintext=accepted/,
      );
    }
  });

  it('holds no credentials, and none of those that were put there anyway show up', async () => {
    const message = await refusalOf('zookeeper://user:password@127.0.0.1:2181/pogo');
    assert.match(message, /digestFile=FILE/);
    assert.ok(!message.includes('password'));
  });

  it('names files of secrets that only their owner may read', () =>
    inNewDirectory(async (directory) => {
      const url = (name: string, file: string) =>
        `zookeeper://127.0.0.1:2181/pogo?${name}=${join(directory, file)}`;
      await writeFile(join(directory, 'open'), 'user:password', { mode: 0o644 });
      await writeFile(join(directory, 'empty'), '\n', { mode: 0o600 });
      for (const name of ['digestFile', 'storeKeyFile']) {
        assert.match(
          await refusalOf(url(name, 'missing')),
          new RegExp(`${name} .*missing can't be read \\(ENOENT\\)`),
        );
        const tooOpen = await refusalOf(url(name, 'open'));
        assert.match(tooOpen, /has mode 0644 and may be read by others: run chmod 600/);
        assert.ok(!tooOpen.includes('password'));
        assert.match(await refusalOf(url(name, 'empty')), /is empty/);
      }
    }));
});
