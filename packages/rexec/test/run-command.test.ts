import { readFileSync } from 'node:fs';
import {
  type Account,
  createAccount,
  createKey,
  createTemporaryDirectory,
  type Key,
  type Sshd,
  startSshd,
  type TemporaryDirectory,
} from '@pogo/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type BuiltProgram, buildProgram, type JobOptions, RexecProcess } from './rexec-process.js';
import { createSealingKey, seal, type SealingKey } from './seal.js';
import { spec } from './specs.js';

let program: BuiltProgram;
let directory: TemporaryDirectory;
let sshd: Sshd;
let account: Account;
let key: Key;
let sealingKey: SealingKey;
const processes: RexecProcess[] = [];

beforeAll(async () => {
  program = await buildProgram();
  directory = createTemporaryDirectory();
  sealingKey = createSealingKey(directory.file('sealing.key'));
  key = await createKey({ directory: directory.path });
  account = await createAccount({ authorizedKeys: [key.publicLine] });
  sshd = await startSshd();
});

afterAll(async () => {
  await sshd?.stop();
  await account?.remove();
  directory?.remove();
  program?.remove();
});

afterEach(async () => {
  for (const rexec of processes.splice(0)) await rexec.hangUp();
});

/** A job for the one host, logged in with the key. */
async function job(changes: Partial<Parameters<typeof spec>[0]> = {}): Promise<JobOptions> {
  const target = `${account.name}@127.0.0.1:${sshd.port}`;
  const resolved = spec({
    targets: target,
    hostKeys: {
      policy: 'strict',
      known: [{ hosts: `127.0.0.1:${sshd.port}`, keys: [...sshd.hostPublicKeys] }],
    },
    ...changes,
  });
  const privateKey = readFileSync(key.privatePath, 'utf8');
  const credentials = await seal(resolved, { identities: [{ label: 'id', privateKey }] }, [sealingKey]);
  return { spec: resolved, credentials, sealingKey };
}

async function start(options: JobOptions): Promise<RexecProcess> {
  const rexec = new RexecProcess(program);
  processes.push(rexec);
  await rexec.message('ready');
  await rexec.open(options);
  return rexec;
}

describe('a command on a host', () => {
  it('runs, and its output and evidence come back', async () => {
    const rexec = await start(await job());
    rexec.run(0);
    const outcome = await rexec.outcome(0);
    expect(outcome).toMatchObject({ state: 'succeeded', exitCode: 0, methodsTried: ['publickey'] });
    expect(rexec.output(0)).toEqual({ stdout: 'hello\n', stderr: '' });
    expect(await rexec.close()).toBe(0);
  });
});
