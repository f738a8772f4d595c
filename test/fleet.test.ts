/** Three ZooKeeper servers, dispatchers and workers as processes of their own, real sshd: parts of it die, jobs go on. */
import {
  type Account,
  createAccount,
  createKey,
  type CommandResult,
  createTemporaryDirectory,
  type Fleet,
  type Key,
  type Sshd,
  startFleet,
  startSshd,
  startZooKeeper,
  type TemporaryDirectory,
  type ZooKeeperEnsemble,
} from '@pogo/testkit';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JobDocument, jobSchema } from '@pogo/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { waitFor } from './support/host-account.js';
import { begun, noting, peakOf } from './support/host-record.js';
import { follow, jobOf, type RunningCommand } from './support/running-command.js';
import { repository } from './support/site.js';

let zookeeper: ZooKeeperEnsemble;
let fleet: Fleet;
let directory: TemporaryDirectory;
let account: Account;
let key: Key;
let sshd: Sshd;
let login: string[];

beforeAll(async () => {
  directory = createTemporaryDirectory();
  key = await createKey({ directory: directory.path });
  account = await createAccount({ authorizedKeys: [key.publicLine] });
  sshd = await startSshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], hosts: 12 });
  login = [
    ...['-l', account.name, '-p', String(sshd.port), '--identity', key.privatePath],
    ...['--known-hosts', sshd.knownHosts(sshd.addresses(12))],
  ];
  zookeeper = await startZooKeeper({ servers: 3 });
  fleet = await startFleet({ repository, zookeeper: zookeeper.addresses, dispatchers: 2, workers: 2 });
}, 300_000);

afterAll(async () => {
  await fleet?.stop();
  await zookeeper?.stop();
  await sshd?.stop();
  await account?.remove();
  directory?.remove();
});

const lines = (file: string) => {
  const path = join(account.home, file);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
};

const start = (expression: string, more: readonly string[], script: string) =>
  follow(fleet.spawn(['run', '-h', expression, ...login, ...more, '--', 'sh', '-c', script]));

/** Notes beginning and end in a file, and waits for a gate of the same name in between. */
const script = (name: string) => `${noting(name, waitFor(`${name}-gate`))}; echo done`;
const open = (name: string) => writeFileSync(join(account.home, `${name}-gate`), '');

const statusSchema = z.object({ job: jobSchema });

async function jobDocument(command: RunningCommand): Promise<JobDocument> {
  const shown = await fleet.run(['status', await jobOf(command), '--json']);
  return statusSchema.parse(JSON.parse(shown.stdout)).job;
}

/** Every host succeeded, ran the command once, never more than four at a time, and all of its output is there. */
async function expectOnce(command: RunningCommand, file: string): Promise<void> {
  expect(command.stdout().match(/: done$/gm)).toHaveLength(12);
  expect(await jobDocument(command)).toMatchObject({ state: 'succeeded', counts: { succeeded: 12 } });
  expect(begun(lines(file))).toHaveLength(12);
  expect(peakOf(lines(file))).toBe(4);
}

describe('a fleet', () => {
  it('runs a job through every dispatcher', async () => {
    for (const { url } of fleet.dispatchers) {
      const result = await fleet.run(['run', '-h', '127.0.1.[1-4]', ...login, '--', 'echo', 'hello'], {
        environment: { POGO_DISPATCHERS: url },
      });
      expect(result, result.stderr).toMatchObject({ exitCode: 0 });
      expect(result.stdout.match(/: hello$/gm)).toHaveLength(4);
    }
  });

  it('goes on when the leading dispatcher is killed: nothing runs twice, nobody is asked for credentials again', async () => {
    const command = start('127.0.1.[1-12]', ['--concurrent', '4'], script('killed'));
    await expect.poll(() => lines('killed').length, { timeout: 60_000 }).toBe(4);
    const killed = fleet.leader()!;
    await killed.kill();
    open('killed');
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 0 });
    expect(command.stdout().match(/: done$/gm)).toHaveLength(12);
    await expectOnce(command, 'killed');
    await killed.start();
  });

  it('goes on when the leading dispatcher is paused until another one leads: what it wants after waking is refused', async () => {
    const command = start('127.0.1.[1-12]', ['--concurrent', '4'], script('paused'));
    await expect.poll(() => lines('paused').length, { timeout: 60_000 }).toBe(4);
    const paused = fleet.leader()!;
    paused.pause();
    await expect.poll(() => fleet.leader()?.name, { timeout: 60_000 }).not.toBe(paused.name);
    open('paused');
    // It wakes while hosts begin and end, and still takes itself for the leader.
    await expect.poll(() => lines('paused').length, { timeout: 60_000 }).toBeGreaterThan(4);
    paused.resume();
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 0 });
    await expectOnce(command, 'paused');
    await expect.poll(() => paused.log(), { timeout: 60_000 }).toContain('leads no longer');
    const shown = await fleet.run(['jobs'], { environment: { POGO_DISPATCHERS: paused.url } });
    expect(shown.stdout).toContain(`${await jobOf(command)}  succeeded`);
  });

  it('loses only what a killed worker had begun, and says so', async () => {
    const command = start('127.0.1.[1-12]', ['--concurrent', '4'], script('worker'));
    await expect.poll(() => lines('worker').length, { timeout: 60_000 }).toBe(4);
    const killed = fleet.workers[0]!;
    await killed.kill();
    await killed.start();
    open('worker');
    await command.ended;
    const { counts } = await jobDocument(command);
    const unknown = counts.unknown ?? 0;
    expect(unknown).toBeLessThanOrEqual(4);
    expect(counts.succeeded).toBe(12 - unknown);
    expect(begun(lines('worker')).sort()).toEqual([...new Set(begun(lines('worker')))].sort());
  });

  it('has every process restarted, one after another, while jobs run: no host fails, nobody is asked for anything', async () => {
    const results: CommandResult[] = [];
    let isOver = false;
    const jobs = (async () => {
      while (!isOver) {
        const command = ['sh', '-c', 'sleep 0.3; echo done'];
        const target = ['-h', '127.0.1.[1-12]', ...login, '--concurrent', '4'];
        results.push(await fleet.run(['run', ...target, '--', ...command]));
      }
    })();
    try {
      for (const part of [...fleet.dispatchers, ...fleet.workers]) {
        await part.end();
        await part.start();
      }
      for (const server of zookeeper.servers) {
        await server.kill();
        await server.start();
      }
    } finally {
      isOver = true;
      await jobs;
    }
    expect(results.length).toBeGreaterThan(1);
    for (const result of results) {
      expect(result, result.stderr).toMatchObject({ exitCode: 0 });
      expect(result.stdout.match(/: done$/gm), result.stderr).toHaveLength(12);
    }
  });
});
