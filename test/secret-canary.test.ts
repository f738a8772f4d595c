/**
 * Secrets that exist nowhere else, in jobs of every method, looked for everywhere while parts crash (I8): in files,
 * logs, arguments, environments, and the memory of dispatcher and worker. Each search has its positive control.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signalProcesses } from '@pogo/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from './support/host-account.js';
import { formsBelow, formsIn, formsInFile, formsInProcesses } from './support/needles.js';
import { dumpMemory } from './support/process-memory.js';
import { follow, type RunningCommand } from './support/running-command.js';
import { openScene, type Scene } from './support/scene.js';
import { openSecretLogins, type SecretLogins } from './support/secret-logins.js';

const gate = 'canary-gate';
const startedMs = Date.now();

let scene: Scene;
let logins: SecretLogins;
const jobs: RunningCommand[] = [];

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  logins = await openSecretLogins(scene);
});

afterAll(async () => {
  logins?.remove();
  await scene?.close();
});

/** One job per login, which waits for the gate where it gets that far. */
async function startJobs(): Promise<void> {
  const command = ['--', 'sh', '-c', `echo running; ${waitFor(gate)}`];
  for (const { method, hosts, accepted, options } of logins.logins) {
    const job = follow(scene.cluster.spawn(['run', ...options, ...command]));
    jobs.push(job);
    if (accepted) await job.untilStdout(new RegExp(`^${'[^]*running'.repeat(hosts)}`));
    else expect((await job.ended).exitCode, method).not.toBe(0);
  }
}

function foundInFiles(): { path: string; forms: string[] }[] {
  const { needles, accounts, files } = logins;
  const inside = [scene.cluster.directory, ...accounts.map(({ home }) => home)];
  const around = ['/tmp', '/var/tmp', '/dev/shm'];
  const found = [
    ...inside.flatMap((directory) => formsBelow(directory, needles)),
    ...around.flatMap((directory) => formsBelow(directory, needles, { sinceMs: startedMs, depth: 1 })),
  ];
  return found.filter(({ path }) => !files.includes(path));
}

async function foundInMemory(roles: readonly ('up' | 'dispatcher' | 'worker' | 'rexec')[]) {
  const found: Record<string, string[]> = {};
  for (const role of roles) {
    found[role] = [];
    for (const pid of scene.cluster.pids(role)) {
      const file = join(scene.cluster.directory, `memory.${pid}`);
      await dumpMemory(pid, file);
      found[role].push(...formsInFile(file, logins.needles));
      rmSync(file);
    }
  }
  return found;
}

async function expectNotInMemory(): Promise<void> {
  expect(await foundInMemory(['up', 'dispatcher', 'worker'])).toEqual({ up: [], dispatcher: [], worker: [] });
}

function expectNowhere(): void {
  expect(formsInProcesses(logins.needles)).toEqual([]);
  expect(foundInFiles()).toEqual([]);
  const said = [JSON.stringify(scene.cluster.output()), logins.log()];
  for (const { stdout, stderr } of jobs) said.push(stdout(), stderr());
  expect(formsIn(Buffer.from(said.join('\n')), logins.needles)).toEqual([]);
}

/** Of which secrets these are forms. */
const secretsIn = (forms: readonly string[]) => [...new Set(forms.map((form) => form.split(':')[0]!))].sort();

describe('secrets of every method', () => {
  it('are found where they are leaked on purpose: in a file, an argument, an environment, and in the memory of rexec', async () => {
    const names = Object.keys(logins.secrets).sort();
    const secrets = Object.values(logins.secrets);
    const leak = join(scene.cluster.home, 'leak');
    writeFileSync(leak, secrets.map((secret) => Buffer.from(secret).toString('base64')).join('\n'));
    const leaked = foundInFiles();
    expect(leaked.map(({ path }) => path)).toEqual([leak]);
    expect(secretsIn(leaked[0]!.forms)).toEqual(names);
    rmSync(leak);
    const child = spawn('sleep', ['60'], { argv0: secrets.join(' '), env: { LEAK: secrets.join(' ') } });
    try {
      await once(child, 'spawn');
      for (const place of ['cmdline', 'environ']) {
        const start = `${place} of ${child.pid}: `;
        const found = formsInProcesses(logins.needles).find((line) => line.startsWith(start));
        expect(secretsIn(found?.slice(start.length).split(', ') ?? [])).toEqual(names);
      }
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    await startJobs();
    const { rexec = [] } = await foundInMemory(['rexec']);
    // What running jobs hold: the plug-in keeps its secret decoded, and the rexec whose password sudo refused is gone.
    const held = ['accepted sudo password', 'key seed', 'passphrase', 'password', 'plug-in key'];
    expect(secretsIn(rexec)).toEqual(expect.arrayContaining(held));
  });

  it('are nowhere else while their jobs run', async () => {
    await expectNotInMemory();
    expectNowhere();
  });

  it('are nowhere after the dispatcher was killed and has got them back, sealed, from the worker', async () => {
    const before = scene.returns('dispatcher');
    signalProcesses('KILL', scene.cluster.pids('dispatcher'));
    await expect.poll(() => scene.returns('dispatcher'), { timeout: 60_000 }).toBe(before + 1);
    await expectNotInMemory();
    expectNowhere();
  });

  it('are nowhere after a rexec was killed', async () => {
    signalProcesses('KILL', scene.cluster.pids('rexec').slice(0, 1));
    await expectNotInMemory();
    expectNowhere();
  });

  it('are nowhere after the worker was killed', async () => {
    const before = scene.returns('worker');
    signalProcesses('KILL', scene.cluster.pids('worker'));
    await expect.poll(() => scene.returns('worker'), { timeout: 60_000 }).toBe(before + 1);
    await expectNotInMemory();
    expectNowhere();
  });

  it('are nowhere after the jobs', async () => {
    for (const { home } of logins.accounts) writeFileSync(join(home, gate), '');
    for (const { ended } of jobs) await ended;
    await expectNotInMemory();
    expectNowhere();
  });
});
