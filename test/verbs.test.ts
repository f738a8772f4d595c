/** What people do about a job that did not end well: resume, retry, skip, resolve, release; against real hosts. */
import { homeLayout } from '@pogo/protocol';
import { signalProcesses } from '@pogo/testkit';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { runOnTerminal } from './support/pseudo-terminal.js';
import { jobOf } from './support/running-command.js';
import { openScene, type Scene, statesOf } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene({ killsParts: true });
  hosts = await reachWithKey(scene, 4);
});

afterAll(() => scene.close());

const identity = () => ['--identity', hosts.key.privatePath];

/** Makes this somebody else's machine: nothing is remembered there of what was submitted. */
function forgetJobs(): void {
  const client = homeLayout(scene.cluster.home).client.dir;
  for (const name of readdirSync(client).filter((file) => file.startsWith('submitted-'))) {
    rmSync(join(client, name));
  }
}

/** Notes host and attempt in a file of the account, then does the rest. */
const noting = (file: string, rest: string) => `echo "$POGO_HOST $POGO_ATTEMPT" >> "$HOME/${file}"; ${rest}`;

/** Both at once, so that nothing holds the credentials; returns when both are back. */
async function killAll(): Promise<void> {
  const returned = () => scene.returns('dispatcher') + scene.returns('worker');
  const before = returned();
  signalProcesses('KILL', [...scene.cluster.pids('dispatcher'), ...scene.cluster.pids('worker')]);
  await expect.poll(returned, { timeout: 30_000 }).toBe(before + 2);
}

describe('pogo retry', () => {
  it('runs again where the command failed, and nowhere else; older attempts stay readable', async () => {
    const script = noting(
      'retried',
      'echo "try $POGO_ATTEMPT"; [ "$POGO_HOST" = 127.0.1.1 ] || [ -e "$HOME/retry-gate" ]',
    );
    const first = await scene.runJson(['-h', '127.0.1.[1-3]', ...hosts.login, '--', 'sh', '-c', script]);
    expect(statesOf(first.document)).toEqual({ succeeded: 1, failed: 2 });
    expect(first.result.exitCode).toBe(5);
    const { id } = first.document.job;

    hosts.open('retry-gate');
    const retried = await scene.run(['retry', id, ...identity()]);
    expect(retried.stderr).toContain('retrying 127.0.1.[2-3] (2 hosts)');
    expect(retried.stdout.split('\n').sort()).toEqual(['', '127.0.1.2: try 2', '127.0.1.3: try 2']);
    expect(retried.exitCode, retried.stderr).toBe(0);
    expect(hosts.lines('retried').sort()).toEqual([
      '127.0.1.1 1',
      '127.0.1.2 1',
      '127.0.1.2 2',
      '127.0.1.3 1',
      '127.0.1.3 2',
    ]);
    expect((await scene.run(['log', id, '127.0.1.2'])).stdout).toBe('try 2\n');
    expect((await scene.run(['log', id, '127.0.1.2', '--attempt', '1'])).stdout).toBe('try 1\n');

    const again = await scene.run(['retry', id, ...identity()]);
    expect(again.stderr).toContain('pogo: nothing-to-do: ');
    expect(again.exitCode).toBe(1);
  });

  it('asks for credentials again, since an ended job has none, and takes none for another job', async () => {
    const { document } = await scene.runJson(['-h', '127.0.1.1', ...hosts.login, '--', 'false']);
    const { id } = document.job;
    const without = await scene.run(['retry', id]);
    expect(without.stderr).toContain('pogo: credentials-needed: the job may use publickey only');
    expect(without.exitCode).toBe(8);
    forgetJobs();
    const elsewhere = await scene.run(['retry', id, ...identity(), '--yes']);
    expect(elsewhere.stderr).toContain(`${id} was not submitted from here`);
    expect(elsewhere.stderr).toMatch(/^command +false$/m);
    expect(elsewhere.exitCode).toBe(2);
    const confirmed = await scene.run(['retry', id, ...identity(), '--digest', document.job.digest]);
    expect(confirmed.exitCode, confirmed.stderr).toBe(5);
  });

  it('asks a person on a terminal about a job that was submitted elsewhere', async () => {
    const { document } = await scene.runJson(['-h', '127.0.1.1', ...hosts.login, '--', 'false']);
    const { id } = document.job;
    forgetJobs();
    const retry = scene.cluster.commandLine(['retry', id, ...identity()]);
    const prompt = /let p\d{10} use them\?/;
    const no = await runOnTerminal(retry, [{ prompt, answer: 'n\n' }]);
    expect(no.shown).toContain(`${id} was not submitted from here`);
    expect(no.shown).toContain(document.job.digest);
    expect(no.exitCode, no.shown).toBe(130);
    expect((await scene.hosts(id))[0]!.attempt).toBe(1);
    const yes = await runOnTerminal(retry, [{ prompt, answer: 'y\n' }]);
    expect(yes.exitCode, yes.shown).toBe(5);
    expect((await scene.hosts(id))[0]!.attempt).toBe(2);
  });
});

describe('pogo skip', () => {
  it('leaves out hosts that wait, and the others go on', async () => {
    const command = hosts.start(
      '127.0.1.[1-3]',
      ['--concurrent', '1'],
      noting('skipped', waitFor('skip-gate')),
    );
    const id = await jobOf(command);
    await expect.poll(() => hosts.lines('skipped'), { timeout: 20_000 }).toEqual(['127.0.1.1 1']);
    const skipped = await scene.run(['skip', id, '127.0.1.2']);
    expect([skipped.exitCode, skipped.stderr]).toEqual([0, `skipped 127.0.1.2 (1 host) of ${id}\n`]);
    const running = await scene.run(['skip', id, '127.0.1.1']);
    expect(running.exitCode).toBe(1);
    hosts.open('skip-gate');
    expect(await command.ended).toMatchObject({ exitCode: 6 });
    expect(hosts.lines('skipped')).toEqual(['127.0.1.1 1', '127.0.1.3 1']);
  });
});

describe('when dispatcher and worker were killed', () => {
  /** A job of four hosts, two at once, that loses everything that runs it in mid-command; it is left needing credentials. */
  async function interrupted(file: string): Promise<string> {
    const script = noting(file, `echo started; ${waitFor(`${file}-gate`)}`);
    const command = hosts.start('127.0.1.[1-4]', ['--concurrent', '2'], script);
    const id = await jobOf(command);
    await command.untilStdout(/started[^]*started/);
    await killAll();
    const { exitCode } = await command.ended;
    // Hosts whose rexec died may be known to be unknown by then, and 9 comes before 8.
    expect([8, 9], command.stderr()).toContain(exitCode);
    expect(command.stderr()).toContain(`\`pogo resume ${id}\` asks for them again`);
    const unknown = async () => (await scene.hosts(id)).slice(0, 2).map(({ state }) => state);
    await expect.poll(unknown, { timeout: 30_000 }).toEqual(['unknown', 'unknown']);
    const status = await scene.run(['status', id]);
    expect(status.stdout).toMatch(/^p\d{10} {2}needs-credentials {2}/);
    expect(status.stdout).toContain(`\`pogo resume ${id}\` asks for them again`);
    expect(status.stdout).toContain(`\`pogo resolve ${id}\` asks the hosts`);
    hosts.open(`${file}-gate`);
    return id;
  }
  const ranOnce = ['127.0.1.1 1', '127.0.1.2 1', '127.0.1.3 1', '127.0.1.4 1'];

  it('resume gives the job its credentials again, once somebody has said that the unknown hosts are well', async () => {
    const id = await interrupted('resumed');
    const released = await scene.run(['release', id, '127.0.1.[1-2]']);
    expect(released.stderr).toBe(`released 127.0.1.[1-2] (2 hosts) of ${id}\n`);
    const resumed = await scene.run(['resume', id, ...identity(), '--yes']);
    expect(resumed.stderr).toContain(`resuming 127.0.1.[3-4] (2 hosts) of ${id}`);
    expect(resumed.stdout.split('\n').sort()).toEqual(['', '127.0.1.3: started', '127.0.1.4: started']);
    expect(resumed.exitCode).toBe(9);
    const states = (await scene.hosts(id)).map(({ state, released: well }) => [state, well]);
    expect(states).toEqual([
      ['unknown', true],
      ['unknown', true],
      ['succeeded', undefined],
      ['succeeded', undefined],
    ]);
    expect(hosts.lines('resumed').sort()).toEqual(ranOnce);
  });

  it('resolve gives it credentials too, and replaces unknown by what the hosts say; nothing runs twice', async () => {
    const id = await interrupted('resolved');
    const resolved = await scene.run(['resolve', id, ...identity()]);
    expect(resolved.stderr).toContain(`resolving 127.0.1.[1-2] (2 hosts) of ${id}`);
    const shown = await scene.hosts(id);
    // The stub ended the command when its connection had gone, and left that behind.
    for (const { state, outcome } of shown.slice(0, 2)) {
      expect([state, outcome?.reason]).toEqual(['killed', 'connection-closed']);
    }
    expect(resolved.exitCode, resolved.stderr).toBe(3);
    expect(shown.slice(2).map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    expect(hosts.lines('resolved').sort()).toEqual(ranOnce);
  });
});

describe('the memory of what was submitted', () => {
  it('has the digest of each job, and no more', async () => {
    const { document } = await scene.runJson(['-h', '127.0.1.1', ...hosts.login, '--', 'true']);
    const client = homeLayout(scene.cluster.home).client.dir;
    const [name] = readdirSync(client).filter((file) => file.startsWith('submitted-'));
    const lines = readFileSync(join(client, name!), 'utf8').split('\n');
    expect(lines).toContain(`${document.job.id} ${document.job.digest}`);
    for (const line of lines) expect(line).toMatch(/^(p\d{10} sha256:[0-9a-f]{64})?$/);
  });
});
