import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@pogo/lifecycle';
import type { ResolvedSpec } from '@pogo/protocol';
import {
  createTemporaryDirectory,
  localShell,
  type PracticeHost,
  startPracticeHost,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type BuiltProgram, buildProgram } from '../../rexec/test/rexec-process.js';
import { createSealingKey, seal, type SealingKey } from '../../rexec/test/seal.js';
import { type Cluster, removePrograms, specOf, startCluster, stopClusters } from './cluster.js';

let program: BuiltProgram;
let directory: TemporaryDirectory;
let key: SealingKey;
let hosts: PracticeHost;

beforeAll(async () => {
  program = await buildProgram();
  directory = createTemporaryDirectory();
  key = createSealingKey(join(directory.path, 'sealing.key'));
  await mkdir(join(directory.path, 'hosts'));
  hosts = await startPracticeHost({
    user: 'ada',
    password: 'correct horse',
    count: 20,
    directory: join(directory.path, 'hosts'),
    executor: localShell({
      clock: systemClock,
      directory: directory.path,
      environment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    }),
  });
});
afterEach(() => stopClusters(hosts.hosts.length));
afterAll(async () => {
  await hosts.stop();
  await directory.remove();
  program.remove();
  await removePrograms();
});

function start(): Promise<Cluster> {
  return startCluster({
    rexec: {
      argv: [process.execPath, program.file],
      environment: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    },
    sealingKeyFile: key.file,
    recipient: { worker: 'w1', kid: key.kid, certificate: 'certificate' },
  });
}

function jobOn(known: boolean, argv: string[]): ResolvedSpec {
  const targets = hosts.hosts.map(({ address, port }) => `ada@${address}:${port}`).join(',');
  return {
    ...specOf({}),
    targets,
    command: { kind: 'argv', argv },
    auth: { methods: ['password'] },
    timeouts: { connectMs: 10_000, handshakeMs: 20_000, commandMs: 60_000 },
    hostKeys: {
      policy: 'strict',
      known: known
        ? hosts.hosts.map(({ address, port }) => ({
            hosts: `${address}:${port}`,
            keys: hosts.hostPublicKeys.map((line) => line.split(' ').slice(0, 2).join(' ')),
          }))
        : [],
    },
  };
}

test('a job runs over SSH on twenty hosts, and its output is read back whole', async () => {
  const { dispatcher } = await start();
  const spec = jobOn(true, ['sh', '-c', 'echo "hello $POGO_HOST"; echo oops >&2; exit 3']);
  await dispatcher.openSpec(1, spec, await seal(spec, { password: 'correct horse' }, [key]));
  await dispatcher.assign(1, [...hosts.hosts.keys()]);
  const ends = await dispatcher.ends(20);
  for (const end of ends) {
    expect(end).toMatchObject({ outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 3 } });
    expect(dispatcher.eventsOf(end.host)).toEqual(['begun', 'started', 'finished']);
  }
  await dispatcher.openOutput({ subscription: 1, job: 1, follow: true });
  await dispatcher.order('close', { job: 1 });
  const frames = await dispatcher.output(1);
  for (const host of hosts.hosts.keys()) {
    const text = (kind: string) =>
      Buffer.concat(
        frames.filter((frame) => frame.host === host && frame.kind === kind).map(({ data }) => data),
      ).toString();
    expect(text('stdout')).toMatch(/^hello .+\n$/);
    expect(text('stderr')).toBe('oops\n');
  }
});

test('a host key that nobody vouches for fails every host, without a credential', async () => {
  const { dispatcher, log } = await start();
  const spec = jobOn(false, ['true']);
  await dispatcher.openSpec(1, spec, await seal(spec, { password: 'correct horse' }, [key]));
  await dispatcher.assign(1, [0, 1, 2]);
  for (const end of await dispatcher.ends(3)) {
    expect(end).toMatchObject({ outcome: { state: 'auth-failed', reason: 'host-key-unknown' } });
  }
  await dispatcher.order('close', { job: 1 });
  expect(JSON.stringify(log.lines)).not.toContain('correct horse');
});

test('a wrong password is tried with care, and the dispatcher is told', async () => {
  const { dispatcher } = await start();
  const spec = jobOn(true, ['true']);
  await dispatcher.openSpec(1, spec, await seal(spec, { password: 'wrong' }, [key]));
  await dispatcher.assign(1, [...hosts.hosts.keys()]);
  await dispatcher.until(() => dispatcher.calls.some(({ passwordRefused }) => passwordRefused.includes(1)));
  await dispatcher.order('halt', { job: 1, kill: true });
  const ends = await dispatcher.ends(20);
  const refused = ends.filter((end) => end.event === 'finished' && end.outcome.reason === 'password-refused');
  expect(refused).toHaveLength(3);
});

test('a halt with kill ends what runs on the hosts, and a drained worker leaves nothing running', async () => {
  const { dispatcher, worker } = await start();
  const spec = jobOn(true, ['sleep', '1000']);
  await dispatcher.openSpec(1, spec, await seal(spec, { password: 'correct horse' }, [key]));
  await dispatcher.assign(1, [0, 1]);
  await dispatcher.until(() => dispatcher.reports.filter(({ event }) => event === 'started').length === 2);
  await worker.drain(1);
  for (const end of await dispatcher.ends(2)) {
    expect(end).toMatchObject({ outcome: { state: 'killed', reason: 'halt-kill' } });
  }
});

test('when rexec is killed in mid-command, its successor fetches from the hosts what became of it', async () => {
  const { dispatcher, rexecs, log } = await start();
  await log.wrote('spare rexec is up');
  const spec = jobOn(true, ['sleep', '1000']);
  await dispatcher.openSpec(1, spec, await seal(spec, { password: 'correct horse' }, [key]));
  await dispatcher.assign(1, [0, 1, 2]);
  await dispatcher.until(() => dispatcher.reports.filter(({ event }) => event === 'started').length === 3);
  for (const pid of rexecs()) process.kill(pid, 'SIGKILL');
  // The stub ends a command whose connection is gone, and leaves word of it; this host may also have signalled it first.
  const reason = expect.stringMatching(/^(connection-closed|stub-stopped)$/) as string;
  for (const end of await dispatcher.ends(3)) {
    expect(end).toMatchObject({ outcome: { state: 'killed', reason } });
  }
});
