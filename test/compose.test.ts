/** docker-compose.yml without a Docker Engine: what its services run, as they run it, on one machine. */
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { workerListSchema } from '@pogo/protocol';
import {
  createTemporaryDirectory,
  freePorts,
  mustRun,
  runCommand,
  startZooKeeper,
  type TemporaryDirectory,
  type ZooKeeperEnsemble,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { follow, type RunningCommand } from './support/running-command.js';
import { repository } from './support/site.js';

interface Compose {
  services: Record<string, { command?: string[]; entrypoint?: string[]; volumes?: string[] }>;
}

const parts = ['dispatcher-1', 'dispatcher-2', 'worker-1', 'worker-2'];

describe('the fleet of docker-compose.yml', () => {
  let directory: TemporaryDirectory;
  let zookeeper: ZooKeeperEnsemble;
  let environment: Record<string, string>;
  let compose: Compose;
  const running: RunningCommand[] = [];

  /** Its volumes and its programs, where they are here. */
  const commandOf = (name: string) => {
    const { entrypoint = [], command = [] } = compose.services[name]!;
    return [...entrypoint, ...command].map((word) =>
      word === 'node'
        ? process.execPath
        : word.replace('/opt/pogo', repository).replace(/^\/pogo/, directory.file(name)),
    );
  };
  const init = () => {
    const [file, ...args] = commandOf('init');
    return mustRun(file!, args, { env: environment });
  };

  beforeAll(async () => {
    directory = createTemporaryDirectory();
    const text = await mustRun('docker-compose', ['config'], { cwd: repository });
    compose = parse(text) as Compose;
    zookeeper = await startZooKeeper();
    const ports = await freePorts(4);
    const at = (index: number) => `127.0.0.1:${ports[index]}`;
    environment = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LANG: 'C.UTF-8',
      HOME: directory.path,
      POGO: repository,
      VOLUMES: directory.path,
      OWNER: 'root:root',
      STORE: `zookeeper://${zookeeper.addresses}/pogo?storeKeyFile=store.key`,
      DISPATCHER_1: `${at(0)} ${at(1)}`,
      DISPATCHER_2: `${at(2)} ${at(3)}`,
      IDENTITY: directory.file('client/id_ed25519'),
      POGO_HOME: directory.file('client'),
      POGO_DISPATCHERS: `https://${at(0)},https://${at(2)}`,
    };
  }, 300_000);

  afterAll(async () => {
    for (const { child, ended } of running.reverse()) {
      child.kill('SIGTERM');
      await ended;
    }
    await zookeeper?.stop();
    directory?.remove();
  });

  it('is made once by its first service, anew where that was broken off, with no key of a root beyond its own volume', async () => {
    mkdirSync(directory.file('home/instance'), { recursive: true });
    expect(await init()).toContain('the instance is made');
    expect(await init()).toBe('the instance is there already\n');
    const keys = await mustRun('find', [directory.path, '-name', '*-root.key'], {});
    expect(keys.trim().split('\n').sort()).toEqual([
      directory.file('home/instance/link-root.key'),
      directory.file('home/instance/sealing-root.key'),
    ]);
    expect(statSync(directory.file('worker-1/worker/sealing.key')).mode & 0o777).toBe(0o600);
    // Each volume that it fills is the one of the part that it is for.
    for (const part of parts) {
      expect(compose.services[part]!.volumes).toEqual([
        expect.stringMatching(new RegExp(`^${part}:/pogo\\b`)),
      ]);
      expect(compose.services['init']!.volumes).toContainEqual(
        expect.stringMatching(new RegExp(`^${part}:/volumes/${part}\\b`)),
      );
    }
  });

  it('comes up with the commands of its services, and its client finds all of it', async () => {
    for (const part of parts) {
      const [file, ...args] = commandOf(part);
      const command = ['--pdeathsig', 'KILL', file!, ...args];
      running.push(
        follow(spawn('setpriv', command, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })),
      );
    }
    for (const one of running) await one.untilStdout(/"ready":true/);
    const pogo = [join(repository, 'packages/client/dist/pogo.js'), 'workers', '--json'];
    await vi.waitFor(
      async () => {
        const { stdout, stderr } = await runCommand(process.execPath, pogo, { env: environment });
        expect(stdout, stderr).not.toBe('');
        const { workers } = workerListSchema.parse(JSON.parse(stdout));
        expect(workers.map(({ name, state }) => [name, state])).toEqual([
          ['worker-1', 'connected'],
          ['worker-2', 'connected'],
        ]);
      },
      { timeout: 60_000, interval: 500 },
    );
  });
});
