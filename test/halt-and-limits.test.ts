/** Jobs that are ended before their end, and limits that hold: each seen on the hosts, not only in what we say of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey, waitFor } from './support/host-account.js';
import { runOnTerminal } from './support/pseudo-terminal.js';
import { follow, jobOf } from './support/running-command.js';
import { openScene, reasonOf, type Scene, statesOf } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 10);
});

afterAll(() => scene.close());

function run(expression: string, more: readonly string[], script: string) {
  return scene.runJson(['-h', expression, ...hosts.login, ...more, '--', 'sh', '-c', script]);
}

/** What shows in the state of a job soon after it has shown on its hosts. */
const soon = { timeout: 30_000 };

async function stateCounts(job: string) {
  return statesOf({ hosts: await scene.hosts(job) });
}

describe('a halt', () => {
  it('lets running commands finish; waiting hosts never start: exit 6', async () => {
    const command = hosts.start(
      '127.0.1.[1-4]',
      ['--concurrent', '1'],
      `echo started | tee -a "$HOME/halt-trace"; ${waitFor('halt-gate')}; echo finished`,
    );
    await command.untilStdout(/started/);
    const halted = await scene.run(['halt', await jobOf(command)]);
    expect(halted.exitCode, halted.stderr).toBe(0);
    await expect.poll(async () => stateCounts(await jobOf(command)), soon).toEqual({ running: 1, halted: 3 });
    hosts.open('halt-gate');
    expect(await command.ended).toMatchObject({ exitCode: 6 });
    expect(command.stdout()).toContain('127.0.1.1: finished');
    expect(await stateCounts(await jobOf(command))).toEqual({ succeeded: 1, halted: 3 });
    expect(hosts.lines('halt-trace')).toHaveLength(1);
    expect(command.stderr()).toContain('1 succeeded, 3 halted');

    const again = await scene.run(['halt', await jobOf(command)]);
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('job-ended');
    const answer = await scene.api('POST', `/v1/jobs/${await jobOf(command)}/halt`, { kill: false });
    expect(answer).toMatchObject({
      status: 409,
      contentType: expect.stringContaining('application/problem+json'),
    });
  });

  it('with --kill ends running commands and their children on the hosts too', async () => {
    const command = hosts.start(
      '127.0.1.[1-3]',
      ['--concurrent', '2'],
      'sleep 98701 & echo started; sleep 98702',
    );
    await command.untilStdout(/started[^]*started/);
    // The shell goes on before its child in the background has become `sleep`.
    await expect.poll(() => hosts.running('sleep 98701'), soon).toHaveLength(2);
    expect((await scene.run(['halt', 'last', '--kill'])).exitCode).toBe(0);
    // Halted hosts come before killed ones (6 before 3).
    expect(await command.ended).toMatchObject({ exitCode: 6 });
    expect(await stateCounts(await jobOf(command))).toEqual({ killed: 2, halted: 1 });
    expect(hosts.running('sleep 98701', 'sleep 98702')).toEqual([]);
    expect(command.stderr()).toContain(reasonOf('halt-kill').advice);
  });

  it('comes with Ctrl-C where there is no terminal: exit 130, running commands finish', async () => {
    const command = hosts.start(
      '127.0.1.[1-3]',
      ['--concurrent', '1'],
      `echo started; ${waitFor('interrupt-gate')}; echo finished`,
    );
    await command.untilStdout(/started/);
    command.child.kill('SIGINT');
    await command.untilStderr(/halting p\d{10}/);
    await expect.poll(async () => stateCounts(await jobOf(command)), soon).toEqual({ running: 1, halted: 2 });
    hosts.open('interrupt-gate');
    expect(await command.ended).toEqual({ exitCode: 130, signal: null });
    expect(command.stdout()).toContain('finished');
    expect(await stateCounts(await jobOf(command))).toEqual({ succeeded: 1, halted: 2 });
  });

  it('is made a kill by a second Ctrl-C', async () => {
    const command = hosts.start('127.0.1.1', [], 'echo started; sleep 98703');
    await command.untilStdout(/started/);
    command.child.kill('SIGINT');
    await command.untilStderr(/halting/);
    command.child.kill('SIGINT');
    expect(await command.ended).toEqual({ exitCode: 130, signal: null });
    expect(await stateCounts(await jobOf(command))).toEqual({ killed: 1 });
    expect(hosts.running('sleep 98703')).toEqual([]);
  });
});

describe('Ctrl-C on a terminal', () => {
  function onTerminal(script: string, answers: Parameters<typeof runOnTerminal>[1]) {
    const args = [
      'run',
      '-h',
      '127.0.1.[1-2]',
      '--concurrent',
      '1',
      ...hosts.login,
      '--',
      'sh',
      '-c',
      script,
    ];
    return runOnTerminal(scene.cluster.commandLine(args), answers);
  }
  const interrupt = { prompt: /started/, answer: '\x03' };

  it('asks; d detaches and the job goes on: exit 130', async () => {
    const { exitCode, shown } = await onTerminal(`echo started; ${waitFor('terminal-gate')}; echo finished`, [
      interrupt,
      { prompt: /d detaches/, answer: 'd' },
    ]);
    expect(exitCode, shown).toBe(130);
    expect(shown).toMatch(/detached from p\d{10}/);
    hosts.open('terminal-gate');
    expect((await scene.run(['wait', 'last'])).exitCode).toBe(0);
    expect((await scene.run(['log', 'last', '127.0.1.2'])).stdout).toBe('started\nfinished\n');
  });

  it('halts when it comes a second time, and kills when it comes a third: exit 130', async () => {
    const { exitCode, shown } = await onTerminal('echo started; sleep 98709', [
      interrupt,
      { prompt: /d detaches/, answer: '\x03' },
      { prompt: /halting/, answer: '\x03' },
    ]);
    expect(exitCode, shown).toBe(130);
    expect(shown).toMatch(/1 killed, 1 halted/);
    expect(hosts.running('sleep 98709')).toEqual([]);
  });
});

describe('a time limit', () => {
  it('of the command ends it and its children on the host: timed-out, exit 3', async () => {
    const { result, document } = await run(
      '127.0.1.[1-2]',
      ['-t', '1'],
      'echo before; sleep 98704 & sleep 98705; echo after',
    );
    expect(result.exitCode).toBe(3);
    for (const host of document.hosts) {
      expect(host).toMatchObject({
        state: 'timed-out',
        outcome: { reason: 'command-timeout' },
        stdout: 'before\n',
      });
    }
    expect(hosts.running('sleep 98704', 'sleep 98705')).toEqual([]);
    expect(result.stderr).toContain(reasonOf('command-timeout').advice);
  });

  it('of the command ends one that takes no notice of TERM', async () => {
    const { result, document } = await run(
      '127.0.1.1',
      ['-t', '1'],
      'trap "" TERM; sleep 98706; sleep 98707',
    );
    expect(statesOf(document)).toEqual({ 'timed-out': 1 });
    expect(result.exitCode).toBe(3);
    expect(hosts.running('sleep 98706', 'sleep 98707')).toEqual([]);
  });

  it('of the job ends what runs, and what waits never starts', async () => {
    const { result, document } = await run(
      '127.0.1.[1-3]',
      ['--concurrent', '1', '--job-timeout', '2'],
      'sleep 98708',
    );
    expect(statesOf(document)).toEqual({ killed: 1, halted: 2 });
    expect(document.job.halt).toMatchObject({ cause: 'job-timeout', kill: true });
    expect(result.exitCode).toBe(6);
    expect(hosts.running('sleep 98708')).toEqual([]);
  });
});

describe('a limit', () => {
  it('of two hosts at once is kept, and used, as the hosts themselves saw it', async () => {
    const command = hosts.start(
      '127.0.1.[1-8]',
      ['--concurrent', '2'],
      `echo start >> "$HOME/peak-trace"; echo started; ${waitFor('peak-gate')}; sleep 0.1; echo end >> "$HOME/peak-trace"`,
    );
    await command.untilStdout(/started[^]*started/);
    await expect
      .poll(async () => stateCounts(await jobOf(command)), soon)
      .toEqual({ running: 2, waiting: 6 });
    expect(hosts.lines('peak-trace')).toEqual(['start', 'start']);
    hosts.open('peak-gate');
    expect(await command.ended).toMatchObject({ exitCode: 0 });
    let now = 0;
    const running = hosts.lines('peak-trace').map((line) => (now += line === 'start' ? 1 : -1));
    expect(running).toHaveLength(16);
    expect(Math.max(...running)).toBe(2);
    expect(now).toBe(0);
  });

  it('of failures stops the job when it is spent: exit 6', async () => {
    const { result, document } = await run(
      '127.0.1.[1-6]',
      ['--concurrent', '1', '--max-failures', '2'],
      'echo x >> "$HOME/failure-trace"; exit 9',
    );
    expect(statesOf(document)).toEqual({ failed: 2, halted: 4 });
    expect(document.job.halt).toMatchObject({ cause: 'failure-budget' });
    expect(result.exitCode).toBe(6);
    expect(hosts.lines('failure-trace')).toHaveLength(2);
  });

  it('of failures given in percent is one of the hosts of the job', async () => {
    const { document } = await run(
      '127.0.1.[1-10]',
      ['--concurrent', '1', '--max-failures', '30%'],
      'exit 9',
    );
    expect(document.job.limits).toMatchObject({ concurrent: 1, maxFailures: 3 });
    expect(statesOf(document)).toEqual({ failed: 3, halted: 7 });
  });
});

describe('a detached job', () => {
  it('goes on alone; wait, log, status and jobs tell of it', async () => {
    const script = `echo "out $POGO_HOST"; echo err >&2; ${waitFor('detach-gate')}; exit 4`;
    const detached = await scene.run([
      'run',
      '-d',
      '-h',
      '127.0.1.[1-2]',
      ...hosts.login,
      '--',
      'sh',
      '-c',
      script,
    ]);
    expect(detached.exitCode, detached.stderr).toBe(0);
    const job = detached.stdout.trim();
    expect(job).toMatch(/^p\d{10}$/);
    const log = follow(scene.cluster.spawn(['log', job, '--follow']));
    await log.untilStdout(/out 127\.0\.1\.1\n[^]*out 127\.0\.1\.2|out 127\.0\.1\.2\n[^]*out 127\.0\.1\.1/);
    await expect.poll(async () => (await scene.run(['status', job])).stdout, soon).toContain('2 running');
    const waiting = follow(scene.cluster.spawn(['wait', job]));
    hosts.open('detach-gate');
    expect(await waiting.ended).toMatchObject({ exitCode: 5 });
    expect(await log.ended).toMatchObject({ exitCode: 0 });
    expect(waiting.stderr()).toContain('exit status 4');

    const one = await scene.run(['log', job, '127.0.1.2']);
    expect(one).toMatchObject({ exitCode: 0, stdout: 'out 127.0.1.2\n', stderr: 'err\n' });
    const both = await scene.run(['log', job, '--stream', 'stdout']);
    expect(both.stdout.split('\n').sort()).toEqual([
      '',
      '127.0.1.1: out 127.0.1.1',
      '127.0.1.2: out 127.0.1.2',
    ]);
    expect((await scene.run(['wait', job])).exitCode).toBe(5);
    expect((await scene.run(['status', job])).stdout).toContain('failed (exit-nonzero)');
    expect((await scene.run(['jobs'])).stdout).toMatch(new RegExp(`^${job} +failed `, 'm'));
  });

  it('is made once, however often it is submitted with the same idempotency key', async () => {
    const args = (script: string) => [
      ...[
        '-h',
        '127.0.1.1',
        ...hosts.login,
        '--idempotency-key',
        'once-and-for-all',
        '--',
        'sh',
        '-c',
        script,
      ],
    ];
    const script = 'echo x >> "$HOME/once-trace"; echo hello';
    const first = await scene.runJson(args(script));
    const second = await scene.runJson(args(script));
    expect(second.document.job.id).toBe(first.document.job.id);
    expect(second.document.hosts[0]).toMatchObject({ state: 'succeeded', stdout: 'hello\n' });
    expect(second.result.exitCode).toBe(0);
    expect(hosts.lines('once-trace')).toEqual(['x']);
    const other = await scene.run(['run', ...args('echo something else')]);
    expect(other.exitCode).not.toBe(0);
    expect(other.stderr).toContain('idempotency');
  });
});
