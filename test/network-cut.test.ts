/**
 * A network between worker and host that is away in mid-command, and a host that is restarted there, through the whole system:
 * real sshd behind a proxy that cuts and refuses. A restart is acted out: the sessions and the command are killed while
 * nobody can reach the host, and what its sshd shows as the kernel's boot id is another one when it is reached again.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jobHostListSchema } from '@pogo/protocol';
import {
  type Account,
  builtCli,
  type Cluster,
  createAccount,
  createKey,
  createTemporaryDirectory,
  type FlakyProxy,
  type Key,
  processTable,
  signalProcesses,
  type Sshd,
  startCluster,
  startFlakyProxy,
  startSshd,
  type TemporaryDirectory,
  writeKnownHosts,
} from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { footprintOf } from './support/footprint.js';
import { waitFor } from './support/host-account.js';
import { follow, jobOf, type RunningCommand } from './support/running-command.js';
import { runDocumentOf } from './support/scene.js';
import { repository } from './support/site.js';

const slow = { timeout: 60_000, interval: 50 };
let directory: TemporaryDirectory;
let bootIdFile: string;
let key: Key;
let account: Account;
let sshd: Sshd;
let network: FlakyProxy;
let cluster: Cluster;
let login: string[];

beforeAll(async () => {
  directory = createTemporaryDirectory();
  key = await createKey({ directory: directory.path });
  bootIdFile = directory.file('boot_id');
  writeFileSync(bootIdFile, readFileSync('/proc/sys/kernel/random/boot_id'));
  // Where the proxy can reach it.
  sshd = await startSshd({ methods: ['publickey'], hostKeyTypes: ['ed25519'], bootIdFile });
  network = await startFlakyProxy({ targetPort: sshd.port });
  cluster = await startCluster({ cli: builtCli(repository) });
});

beforeEach(async () => {
  account = await createAccount({ authorizedKeys: [key.publicLine] });
  const known = { hosts: ['127.0.0.1'], keys: sshd.hostPublicKeys, port: network.port };
  login = [
    ...['-l', account.name, '-p', String(network.port), '--identity', key.privatePath],
    ...['--known-hosts', writeKnownHosts(directory.file('known_hosts'), known)],
  ];
});

afterEach(async () => {
  network.refuse(false);
  await expect.poll(() => processTable().filter(({ uid }) => uid === account.uid), slow).toEqual([]);
  await account.remove();
});

afterAll(async () => {
  await cluster?.stop();
  await network?.stop();
  await sshd?.stop();
  directory?.remove();
});

const start = (more: readonly string[], script: string): RunningCommand =>
  follow(cluster.spawn(['run', '-h', '127.0.0.1', ...login, ...more, '--json', '--', 'sh', '-c', script]));
const sha256 = (text = '') => createHash('sha256').update(text).digest('hex');
const lines = (to: number) => Array.from({ length: to }, (_, at) => `${at + 1}\n`).join('');
const arrives = (file: string) => expect.poll(() => existsSync(join(account.home, file)), slow).toBe(true);
const openGate = () => writeFileSync(join(account.home, 'gate'), '');

/** Nobody reaches the host any more, and who had reached it is told so. */
function cutNetwork(): void {
  network.refuse(true);
  network.cut();
}

/** It is dialled in vain, more than once. */
async function dialledInVain(): Promise<void> {
  const before = network.connections();
  await expect.poll(() => network.connections(), slow).toBeGreaterThan(before + 1);
}

const uidProcesses = () =>
  processTable().filter(
    ({ uid, argv }) =>
      uid === account.uid ||
      (argv[0]?.startsWith('sshd') === true && argv.join(' ').includes(`: ${account.name}`)),
  );

describe('a network that is away in mid-command', () => {
  it('costs a surviving command nothing: all of its output, once, and its exact exit status', async () => {
    const untouched = footprintOf(account);
    const script = `seq 1 300000; : >"$HOME/half"; ${waitFor('gate')}; seq 300001 600000; echo problem >&2; exit 51`;
    const command = start(['--survive-disconnect'], script);
    await arrives('half');
    cutNetwork();
    await dialledInVain();
    // Nobody is there to read what it writes meanwhile.
    openGate();
    await dialledInVain();
    network.refuse(false);
    await command.ended;
    const [host] = runDocumentOf(command.stdout()).hosts;
    expect(host).toMatchObject({ state: 'failed', outcome: { reason: 'exit-nonzero', exitCode: 51 } });
    const whole = lines(600_000);
    expect(host?.stdout?.length).toBe(whole.length);
    expect(sha256(host?.stdout)).toBe(sha256(whole));
    expect(host?.outcome?.stdout).toEqual({ bytes: whole.length, sha256: sha256(whole) });
    expect(host?.stderr).toBe('problem\n');
    await expect
      .poll(() => footprintOf(account).filter((line) => !/\/(half|gate) 0$/.test(line)), slow)
      .toEqual(untouched);
  });
});

const hostsOf = async (job: string) => {
  const shown = await cluster.run(['status', job, '--json']);
  return z.object({ hosts: jobHostListSchema.shape.hosts }).parse(JSON.parse(shown.stdout)).hosts;
};

/** The number that a claim on the host names as its holder's, which its own shell has (stub-text/claim.ts). */
function claimHolder(): number {
  const claims = readdirSync(account.home).flatMap(
    (name) => /^\.pogo-[0-9a-f]+-\d+-(\d+)-\d+-[0-9a-f]{8}$/.exec(name)?.[1] ?? [],
  );
  expect(claims).toHaveLength(1);
  return Number(claims[0]);
}

/** The machine goes down at once, and comes up with another boot id, while nobody reaches it. */
function restartHost(spared?: number): void {
  network.refuse(true);
  const pids = uidProcesses().map(({ pid }) => pid);
  // All at the same moment: none of them may see another one end, and write that down. Whoever is spared stays frozen: it stands for
  // another process that has got the number and the start of the one before the restart.
  signalProcesses('STOP', pids);
  signalProcesses(
    'KILL',
    pids.filter((pid) => pid !== spared),
  );
  network.cut();
  const beginning = sha256(account.name + spared).slice(0, 8);
  writeFileSync(bootIdFile, `${beginning}-0000-4000-8000-000000000000\n`);
}

describe('a host that is restarted in mid-command', () => {
  it('is unknown while nobody reaches it; asked again, it has evidence that the command is lost', async () => {
    const untouched = footprintOf(account);
    const command = start([], `: >"$HOME/begun"; ${waitFor('gate')}`);
    await arrives('begun');
    const holder = claimHolder();
    restartHost(holder);
    expect(await command.ended, command.stderr()).toMatchObject({ exitCode: 9 });
    const job = await jobOf(command);
    expect(await hostsOf(job)).toMatchObject([{ state: 'unknown', outcome: { reason: 'connection-lost' } }]);
    network.refuse(false);
    try {
      const resolved = await cluster.run(['resolve', job, '--identity', key.privatePath, '--yes']);
      expect(await hostsOf(job), resolved.stderr).toMatchObject([
        { state: 'killed', attempt: 1, outcome: { reason: 'stub-stopped' } },
      ]);
    } finally {
      signalProcesses('KILL', [holder]);
    }
    await expect
      .poll(() => footprintOf(account).filter((line) => !/\/begun 0$/.test(line)), slow)
      .toEqual(untouched);
  });

  it('has lost a surviving command as well, which rexec finds by itself when it comes back', async () => {
    const untouched = footprintOf(account);
    const command = start(['--survive-disconnect'], `echo before; : >"$HOME/begun"; ${waitFor('gate')}`);
    await arrives('begun');
    // What is still on its way goes with the host.
    const job = await jobOf(command);
    await expect.poll(async () => (await cluster.run(['log', job])).stdout, slow).toContain('before');
    restartHost();
    await dialledInVain();
    network.refuse(false);
    await command.ended;
    const [host] = runDocumentOf(command.stdout()).hosts;
    expect(host).toMatchObject({ state: 'killed', stdout: 'before\n', outcome: { reason: 'stub-stopped' } });
    await expect
      .poll(() => footprintOf(account).filter((line) => !/\/begun 0$/.test(line)), slow)
      .toEqual(untouched);
  });
});
