/**
 * A rolling restart of a real service, a process per host that answers on the host's address, under a limit and with a
 * health gate; and the hosts' own hooks. Judged by what commands and services on the hosts say, not by the log.
 */
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createTemporaryDirectory,
  mustRun,
  type NetworkNamespace,
  signalProcesses,
  startSshd,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import { openScene, type Scene, statesOf } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;
let directory: TemporaryDirectory;

const namespaceFile = `
apps:
  web: [ '127.0.1.[1-6]' ]
  batch: [ '127.0.1.[7-8]' ]
envs:
  site: { one: [ '@web', '@batch' ] }
constraints:
  site:
    concurrency: { web: 2, batch: 1 }
`;

const port = 7000;
const client = `my $c = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:${port}", Timeout => 30) or exit 1; print scalar <$c>`;

/** What is installed on the hosts: they share one home, and each has its own address. */
const programs = {
  // The old process may hold the port for a moment yet. Release v2 does not start on most hosts.
  serve: `case $2/$1 in v2/127.0.1.[3-6]) exit 1 ;; esac
echo $$ > "$HOME/$1.pid"
exec perl -MIO::Socket::INET -e 'my $s;
  select undef, undef, undef, 0.05 until $s = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => ${port}, Listen => 9, ReuseAddr => 1);
  while (my $c = $s->accept) { print $c "$ARGV[1]\\n"; close $c }' "$1" "$2"`,
  restart: `echo "$POGO_HOST down" >> "$HOME/record"
[ ! -e "$HOME/$POGO_HOST.pid" ] || kill "$(cat "$HOME/$POGO_HOST.pid")"
setsid "$HOME/serve" "$POGO_HOST" "$1" < /dev/null > /dev/null 2>&1 &`,
  health: `[ "$(perl -MIO::Socket::INET -e '${client}' "$POGO_HOST")" = "$1" ] && echo "$POGO_HOST up" >> "$HOME/record"`,
};

const prehook = `[ "$POGO_HOST" != 127.0.1.8 ] || { echo "batch still runs"; exit 3; }
echo "$POGO_HOST drained" >> "$HOME/hooks"`;
const posthook = `echo "$POGO_HOST back" >> "$HOME/hooks"`;

/** The same namespace for a server whose /etc is a copy, with hooks in it. */
async function withHooks(namespace: NetworkNamespace): Promise<NetworkNamespace> {
  const etc = directory.file('etc');
  await mustRun('cp', ['-a', '/etc', etc]);
  for (const [name, script] of [
    ['pre.d/10-drain', prehook],
    ['post.d/10-back', posthook],
  ] as const) {
    const path = join(etc, 'pogo', name);
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o755 });
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  }
  const mounting = ['-m', 'sh', '-c', 'mount --bind "$0" /etc && exec "$@"', etc];
  return {
    ...namespace,
    command: (file, args) => namespace.command('unshare', [...mounting, file, ...args]),
  };
}

beforeAll(async () => {
  directory = createTemporaryDirectory({ mode: 0o755 });
  scene = await openScene();
  const withOwnEtc: Scene = {
    ...scene,
    sshd: async (options) => startSshd({ ...options, namespace: await withHooks(scene.namespace) }),
  };
  hosts = await reachWithKey(withOwnEtc, 8);
  const { home, uid, gid } = hosts.account;
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(home, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    chownSync(join(home, name), uid, gid);
  }
  const applied = await scene.run(['ns', 'apply', scene.file('site.yaml', namespaceFile)]);
  expect(applied.exitCode, applied.stderr).toBe(0);
});

afterAll(async () => {
  const services = hosts.processes().filter(({ argv }) => argv[0] === 'perl');
  signalProcesses(
    'TERM',
    services.map(({ pid }) => pid),
  );
  await hosts.sshd.stop();
  await scene.close();
  directory.remove();
});

/** The release that each service runs, or `down`. */
function releases(): Promise<string[]> {
  return Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (n) => {
      const said = await scene.namespace.run('perl', ['-MIO::Socket::INET', '-e', client, `127.0.1.${n}`]);
      return said.stdout.trim() || 'down';
    }),
  );
}

/** A restart that is over once the service answers with its release. */
const restart = (targets: string, release: string, ...more: string[]) =>
  scene.runJson([
    ...['-h', targets, ...hosts.login, ...more],
    ...['--health', `"$HOME/health" ${release}`, '--health-retries', '100', '--health-interval', '0.1'],
    ...['--', 'sh', '-c', `"$HOME/restart" ${release}`],
  ]);

/** Most services that were down, or not known to be up, at once. */
function peak(): number {
  const down = new Set<string>();
  let most = 0;
  for (const line of hosts.lines('record')) {
    const [host, what] = line.split(' ') as [string, string];
    if (what === 'down') down.add(host);
    else down.delete(host);
    most = Math.max(most, down.size);
  }
  return most;
}

describe('a rolling restart', () => {
  it('stops where the service does not come back, and goes on with a command that brings it back', async () => {
    const first = await restart('@web', 'v1', '--unconstrained');
    expect(first.result.exitCode, first.result.stderr).toBe(0);
    expect(await releases()).toEqual(['v1', 'v1', 'v1', 'v1', 'v1', 'v1']);
    rmSync(join(hosts.account.home, 'record'));

    const broken = await restart('@web', 'v2');
    expect(broken.result.exitCode).toBe(6);
    expect(statesOf(broken.document)).toEqual({ succeeded: 2, failed: 2, halted: 2 });
    for (const { host, outcome } of broken.document.hosts.slice(2, 4)) {
      expect(outcome).toMatchObject({ reason: 'health-failed', step: 'health', exitCode: 1 });
      expect(outcome!.message).toContain(`@${host}:`);
    }
    expect(await releases()).toEqual(['v2', 'v2', 'down', 'down', 'v1', 'v1']);
    // The others show no record of the command.
    const touched = new Set(hosts.lines('record').map((line) => line.split(' ')[0]!));
    expect([...touched].sort()).toEqual(['127.0.1.1', '127.0.1.2', '127.0.1.3', '127.0.1.4']);
    const { id } = broken.document.job;
    const status = await scene.run(['status', id]);
    expect(status.stdout).toMatch(/^ {2}failed \(health-failed\) +2 +127\.0\.1\.\[3-4\]$/m);
    const host = await scene.run(['hosts', '127.0.1.3']);
    expect(host.stdout).toContain('web@site=one: 2 of 2 in use');

    // The two that count already need no second permit; the rest follows as they come back.
    const repaired = await restart('127.0.1.[3-6]', 'v3');
    expect(repaired.result.exitCode, repaired.result.stderr).toBe(0);
    expect(await releases()).toEqual(['v2', 'v2', 'v3', 'v3', 'v3', 'v3']);
    expect(peak()).toBe(2);
    const again = await scene.run(['hosts', '127.0.1.3']);
    expect(again.stdout).toContain('web@site=one: 0 of 2 in use');
  });
});

describe("a host's own hooks", () => {
  const record = () => hosts.lines('hooks').filter((line) => /^127\.0\.1\.[78] /.test(line));

  it('come before and after the command; where one says no the command does not begin, and the host is free at once', async () => {
    const { result, document } = await scene.runJson([
      ...['-h', '127.0.1.8,127.0.1.7', ...hosts.login],
      ...['--', 'sh', '-c', 'echo "$POGO_HOST command" >> "$HOME/hooks"'],
    ]);
    expect(result.exitCode, result.stderr).toBe(5);
    const [refused, ran] = document.hosts;
    expect(refused).toMatchObject({
      state: 'failed',
      stdout: 'batch still runs\n',
      outcome: { reason: 'prehook-failed', step: 'prehook', hook: '10-drain', exitCode: 3 },
    });
    expect(ran).toMatchObject({ state: 'succeeded' });
    expect(record()).toEqual(['127.0.1.7 drained', '127.0.1.7 command', '127.0.1.7 back']);
    const status = await scene.run(['status', document.job.id, '--hosts']);
    expect(status.stdout).toContain('The pre hook 10-drain on');
  });

  it('are passed over where the job says so', async () => {
    const { result, document } = await scene.runJson([
      ...['-h', '127.0.1.8', ...hosts.login, '--no-hooks', '--pre', 'echo before', '--post', 'echo after'],
      ...['--', 'echo', 'command'],
    ]);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(document.hosts[0]!.stdout).toBe('before\ncommand\nafter\n');
    expect(record()).toHaveLength(3);
  });
});
