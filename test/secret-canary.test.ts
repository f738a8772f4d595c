/**
 * Secrets that exist nowhere else, in jobs of every method, looked for everywhere while parts crash (I8): in files,
 * logs, arguments, environments, and the memory of dispatcher and worker. Each search has its positive control.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, type Key, signalProcesses, type Sshd } from '@pogo/testkit';
import ssh2 from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './support/host-account.js';
import {
  formsBelow,
  formsIn,
  formsInFile,
  formsInProcesses,
  type Needle,
  needlesOf,
} from './support/needles.js';
import { dumpMemory } from './support/process-memory.js';
import { follow, type RunningCommand } from './support/running-command.js';
import { openScene, type Scene } from './support/scene.js';

const canary = () => `canary-${randomUUID()}`;
const secrets = { password: canary(), passphrase: canary(), sudoPassword: canary() };
const gate = 'canary-gate';
const startedMs = Date.now();

let scene: Scene;
let account: Account;
let keyAccount: Account;
let sshd: Sshd;
let key: Key;
let needles: Needle[];
/** Where the test itself has put secrets. */
let own: string[];
const jobs: RunningCommand[] = [];

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  key = await scene.key({ passphrase: secrets.passphrase });
  account = await scene.account({ password: secrets.password });
  keyAccount = await scene.account({ authorizedKeys: [key.publicLine] });
  sshd = await scene.sshd({
    methods: ['publickey', 'password', 'keyboard-interactive'],
    hostKeyTypes: ['ed25519'],
  });
  own = [
    scene.file('password', `${secrets.password}\n`),
    scene.file('secrets.yaml', `passphrase: ${secrets.passphrase}\nsudo_password: ${secrets.sudoPassword}\n`),
    key.privatePath,
  ];
  needles = [
    ...Object.values(secrets).flatMap((secret) => needlesOf(secret)),
    ...needlesOf(seedOf(key)),
    // A line of the encrypted key file: it, too, stays with client and rexec.
    ...needlesOf(readFileSync(key.privatePath, 'utf8').split('\n')[2]!),
  ];
});

afterAll(() => scene?.close());

/** The 32 bytes that an Ed25519 key is made from. */
function seedOf({ privatePath }: Key): Buffer {
  const parsed = ssh2.utils.parseKey(readFileSync(privatePath), secrets.passphrase);
  if (parsed instanceof Error || Array.isArray(parsed)) throw new Error('the key cannot be read');
  const der = Buffer.from(parsed.getPrivatePEM().replace(/-----[^\n]*-----|\s/g, ''), 'base64');
  return der.subarray(-32);
}

const methods: Record<string, () => string[]> = {
  password: () => ['-l', account.name, '--password-file', own[0]!, '--auth', 'password'],
  'keyboard-interactive': () => [
    '-l',
    account.name,
    '--password-file',
    own[0]!,
    '--auth',
    'keyboard-interactive',
  ],
  publickey: () => [
    '-l',
    keyAccount.name,
    '--identity',
    key.privatePath,
    '-S',
    own[1]!,
    '--auth',
    'publickey',
  ],
  'publickey for sudo': () => [
    ...['-l', keyAccount.name, '--identity', key.privatePath, '-S', own[1]!, '--auth', 'publickey'],
    ...['--run-as', account.name],
  ],
};

/** One job per method, each on two hosts, which wait for the gate where they get that far. */
async function startJobs(): Promise<void> {
  const known = sshd.knownHosts(sshd.addresses(10));
  for (const [index, [name, login]] of Object.entries(methods).entries()) {
    const script = `echo running; ${waitFor(gate)}`;
    // Hosts of its own: two commands of one account never run on a host at once.
    const targets = `127.0.1.[${2 * index + 1}-${2 * index + 2}]`;
    const args = ['run', '-h', targets, '-p', String(sshd.port), '--known-hosts', known];
    const command = follow(scene.cluster.spawn([...args, ...login(), '--', 'sh', '-c', script]));
    jobs.push(command);
    // sudo has no rule for the account: its password is typed, refused, and must be nowhere all the same.
    if (name.endsWith('for sudo')) await command.ended;
    else await command.untilStdout(/running[^]*running/);
  }
}

function foundInFiles(): { path: string; forms: string[] }[] {
  const inside = [scene.cluster.home, scene.cluster.directory, account.home, keyAccount.home];
  const around = ['/tmp', '/var/tmp', '/dev/shm'];
  const found = [
    ...inside.flatMap((directory) => formsBelow(directory, needles)),
    ...around.flatMap((directory) => formsBelow(directory, needles, { sinceMs: startedMs, depth: 1 })),
  ];
  return found.filter(({ path }) => !own.includes(path));
}

async function foundInMemory(roles: readonly ('up' | 'dispatcher' | 'worker' | 'rexec')[]) {
  const found: Record<string, string[]> = {};
  for (const role of roles) {
    found[role] = [];
    for (const pid of scene.cluster.pids(role)) {
      const file = join(scene.cluster.directory, `memory.${pid}`);
      await dumpMemory(pid, file);
      found[role].push(...formsInFile(file, needles));
      rmSync(file);
    }
  }
  return found;
}

async function expectNotInMemory(): Promise<void> {
  expect(await foundInMemory(['up', 'dispatcher', 'worker'])).toEqual({ up: [], dispatcher: [], worker: [] });
}

function expectNowhere(): void {
  expect(formsInProcesses(needles)).toEqual([]);
  expect(foundInFiles()).toEqual([]);
  const said = [JSON.stringify(scene.cluster.output()), sshd.log()];
  for (const { stdout, stderr } of jobs) said.push(stdout(), stderr());
  expect(formsIn(Buffer.from(said.join('\n')), needles)).toEqual([]);
}

const returns = (part: 'dispatcher' | 'worker') =>
  scene.cluster.output().stderr.split(`${part} is back\n`).length - 1;

describe('secrets of every method', () => {
  it('are found where they are leaked on purpose: in a file, an argument, an environment, and in the memory of rexec', async () => {
    const leak = join(scene.cluster.home, 'leak');
    writeFileSync(leak, Buffer.from(secrets.password).toString('base64'));
    expect(foundInFiles().map(({ path }) => path)).toContain(leak);
    rmSync(leak);
    const child = spawn('sleep', ['60'], { argv0: secrets.passphrase, env: { LEAK: secrets.sudoPassword } });
    try {
      await once(child, 'spawn');
      const found = formsInProcesses(needles).filter((line) => line.includes(` of ${child.pid}:`));
      expect(found).toHaveLength(2);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await startJobs();
    expect((await foundInMemory(['rexec']))['rexec']).toContain('raw');
  });

  it('are nowhere else while their jobs run', async () => {
    await expectNotInMemory();
    expectNowhere();
  });

  it('are nowhere after the dispatcher was killed and has got them back, sealed, from the worker', async () => {
    const before = returns('dispatcher');
    signalProcesses('KILL', scene.cluster.pids('dispatcher'));
    await expect.poll(() => returns('dispatcher'), { timeout: 60_000 }).toBe(before + 1);
    await expectNotInMemory();
    expectNowhere();
  });

  it('are nowhere after a rexec was killed', () => {
    signalProcesses('KILL', scene.cluster.pids('rexec').slice(0, 1));
    expectNowhere();
  });

  it('are nowhere after the worker was killed', async () => {
    const before = returns('worker');
    signalProcesses('KILL', scene.cluster.pids('worker'));
    await expect.poll(() => returns('worker'), { timeout: 60_000 }).toBe(before + 1);
    expectNowhere();
  });

  it('are nowhere after the jobs', async () => {
    for (const { name, home } of [account, keyAccount]) {
      expect(name).not.toBe('');
      writeFileSync(join(home, gate), '');
    }
    for (const { ended } of jobs) await ended;
    expectNowhere();
  });
});
