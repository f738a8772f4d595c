/** Scripts that travel with a job: `-f`, from the file on the client to a run on real hosts, and nothing left there. */
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import { openScene, type Scene, statesOf } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 3);
});

afterAll(() => scene.close());

async function runScript(file: string, args: readonly string[], more: readonly string[] = []) {
  return scene.runJson(['-h', '127.0.1.[1-3]', ...hosts.login, ...more, '-f', file, '--', ...args]);
}

/** What the stub has made for this account, in every place that it may use. */
function leftBehind(): string[] {
  return [hosts.account.home, '/var/tmp', '/tmp', '/dev/shm'].flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.startsWith('.pogo-'))
      .map((name) => join(directory, name))
      .filter((path) => lstatSync(path, { throwIfNoEntry: false })?.uid === hosts.account.uid),
  );
}

describe('a script', () => {
  it('gets its arguments byte for byte, runs with its own name, and leaves nothing on the hosts', async () => {
    const nasty = ['', ' a  b ', "it's", '$HOME `id`', '--', '-h', 'line one\nline two', 'grüße'];
    const file = scene.file('tell.sh', '#!/bin/sh\nprintf "%s\\0" "${0##*/}" "$@"\n');
    const { document, result } = await runScript(file, nasty);
    expect(result.exitCode, result.stderr).toBe(0);
    for (const { stdout } of document.hosts) {
      expect(stdout!.split('\0')).toEqual(['tell.sh', ...nasty, '']);
    }
    await expect.poll(leftBehind, { timeout: 10_000 }).toEqual([]);
  });

  it('arrives whole, binary contents and all, and runs with its own interpreter', async () => {
    const body = Buffer.concat([
      Buffer.from('#!/usr/bin/env sh\nsha256sum "$0" | cut -c1-64\nexit 7\n'),
      randomBytes(8_000_000),
    ]);
    const file = scene.file('large.sh');
    writeFileSync(file, body);
    const { document, result } = await runScript(file, []);
    expect(statesOf(document)).toEqual({ failed: 3 });
    const sha256 = createHash('sha256').update(body).digest('hex');
    for (const { stdout, outcome } of document.hosts) {
      expect(stdout).toBe(`${sha256}\n`);
      expect(outcome).toMatchObject({ exitCode: 7 });
    }
    expect(result.exitCode).toBe(5);
    await expect.poll(leftBehind, { timeout: 10_000 }).toEqual([]);
  });

  it('is run again on a host where it exits non-zero, as often as it may', async () => {
    const file = scene.file('second-time.sh', '#!/bin/sh\necho "try $POGO_TRY"\n[ "$POGO_TRY" = 2 ]\n');
    const { document, result } = await runScript(file, [], ['--retry', '3']);
    expect(result.exitCode, result.stderr).toBe(0);
    for (const { stdout, attempt } of document.hosts) {
      expect(stdout).toBe('try 1\ntry 2\n');
      expect(attempt).toBe(1);
    }
  });

  it('can be run again by retry, on hosts where it failed, without the file being there any more', async () => {
    const file = scene.file('once.sh', '#!/bin/sh\n[ -e "$HOME/script-gate" ]\n');
    const { document } = await runScript(file, []);
    expect(statesOf(document)).toEqual({ failed: 3 });
    hosts.open('script-gate');
    writeFileSync(file, 'changed');
    const retried = await scene.run(['retry', document.job.id, '--identity', hosts.key.privatePath]);
    expect(retried.exitCode, retried.stderr).toBe(0);
  });
});
