/** What arrives on a host, and what comes back: arguments byte for byte, environment, streams, exit status. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HostAccount, reachWithKey } from './support/host-account.js';
import { openScene, type Scene } from './support/scene.js';

let scene: Scene;
let hosts: HostAccount;

beforeAll(async () => {
  scene = await openScene();
  hosts = await reachWithKey(scene, 3);
});

afterAll(() => scene.close());

async function runOnOne(command: readonly string[], more: readonly string[] = []) {
  const run = await scene.runJson(['-h', '127.0.1.1', ...hosts.login, ...more, '--', ...command]);
  return { ...run, host: run.document.hosts[0]! };
}

describe('arguments', () => {
  it('arrive byte for byte, whatever they hold', async () => {
    const nasty = [
      'plain',
      '',
      ' leading and trailing ',
      'two  spaces\tand a tab',
      'line one\nline two\n',
      '\n',
      `'single'`,
      `"double"`,
      `it's "both"`,
      '$HOME ${PATH} $(id) `id`',
      '; rm -rf /nowhere; echo "',
      'a && b || c & d | e > f < g',
      '* ? [a-z] {a,b} ~ !history #comment',
      'back\\slash \\n \\\\',
      '--option=value',
      '-n',
      '%s %d \\0',
      'grüße, 日本語, 🚀, e\u0301',
      '\u0001\u007f\u001b[31m',
      '',
    ];
    const { host, result } = await runOnOne(['printf', '%s\\0', ...nasty]);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(host.stdout!.split('\0').slice(0, -1)).toEqual(nasty);
  });

  it('may be as long as Linux takes in one piece', async () => {
    const long = 'abcdefghij'.repeat(10_000);
    const { host } = await runOnOne(['printf', '%s', long]);
    expect(host.stdout).toBe(long);
  });

  it('that are one operand with shell characters are a shell string; --argv and --shell decide otherwise', async () => {
    expect((await runOnOne(['echo a b | tr a-z A-Z; echo "$POGO_HOST"'])).host.stdout).toBe(
      'A B\n127.0.1.1\n',
    );
    expect((await runOnOne(['echo;false'], ['--argv'])).host).toMatchObject({
      state: 'failed',
      outcome: { exitCode: 127 },
    });
    expect((await runOnOne(['id'], ['--shell'])).host.stdout).toContain(hosts.account.name);
  });
});

describe('a command', () => {
  it('sees POGO_JOB_ID, POGO_HOST, POGO_ATTEMPT and POGO_USER, and nothing on stdin', async () => {
    const { host, document } = await runOnOne(['sh', '-c', 'env; readlink /proc/self/fd/0; pwd; cat']);
    const lines = host.stdout!.split('\n');
    expect(lines).toContain(`POGO_JOB_ID=${document.job.id}`);
    expect(lines).toContain('POGO_HOST=127.0.1.1');
    expect(lines).toContain('POGO_ATTEMPT=1');
    expect(lines).toContain(`POGO_USER=${document.job.submitter}`);
    expect(lines).toContain('/dev/null');
    expect(lines).toContain(hosts.account.home);
  });

  it('has its streams kept apart, and its bytes as they are', async () => {
    const { host } = await runOnOne(['sh', '-c', 'printf "\\377\\000\\r\\nout"; printf "\\376err" >&2']);
    expect(host.encoding).toBe('base64');
    expect([...Buffer.from(host.stdout!, 'base64')]).toEqual([0xff, 0, 0x0d, 0x0a, 0x6f, 0x75, 0x74]);
    expect([...Buffer.from(host.stderr!, 'base64')]).toEqual([0xfe, 0x65, 0x72, 0x72]);
    const plain = await scene.run([
      ...['run', '-h', '127.0.1.1', ...hosts.login, '-q', '--', 'sh', '-c', 'echo out; echo err >&2'],
    ]);
    expect(plain.stdout).toBe('out\n');
    expect(plain.stderr.split('\n').filter((line) => !line.startsWith('job '))).toEqual(['err', '']);
  });

  it.each([
    ['exits with 0', 'exit 0', 0, { state: 'succeeded', exitCode: 0 }],
    ['exits with 1', 'exit 1', 5, { state: 'failed', reason: 'exit-nonzero', exitCode: 1 }],
    ['exits with 255', 'exit 255', 5, { state: 'failed', reason: 'exit-nonzero', exitCode: 255 }],
    ['is ended by TERM', 'kill -TERM $$', 5, { state: 'failed', reason: 'signal', signal: 'SIGTERM' }],
    ['is ended by KILL', 'kill -KILL $$', 5, { state: 'failed', reason: 'signal', signal: 'SIGKILL' }],
  ])('that %s is reported as such', async (_, script, exitCode, outcome) => {
    const { host, result } = await runOnOne(['sh', '-c', script]);
    expect(host.outcome).toMatchObject(outcome);
    expect(host.state).toBe(outcome.state);
    expect(result.exitCode).toBe(exitCode);
  });

  it('that does not exist fails with 127, one that may not be run with 126', async () => {
    expect((await runOnOne(['no-such-program', 'x'])).host.outcome).toMatchObject({ exitCode: 127 });
    expect((await runOnOne(['/etc/passwd', 'x'])).host.outcome).toMatchObject({ exitCode: 126 });
  });

  it('leaves no file and no process of ours on the host', async () => {
    const files = async () =>
      (await scene.namespace.run('find', [hosts.account.home, '-type', 'f'])).stdout.trim();
    await expect.poll(files, { timeout: 10_000 }).toBe(`${hosts.account.home}/.ssh/authorized_keys`);
    await expect
      .poll(() => hosts.processes().map(({ argv }) => argv.join(' ')), { timeout: 10_000 })
      .toEqual([]);
  });

  it('has a daemon that keeps its streams open: the exit status ends the attempt all the same', async () => {
    const { host, result } = await runOnOne(['sh', '-c', 'echo before; setsid sleep 98801 & exit 3']);
    expect(host).toMatchObject({ state: 'failed', outcome: { exitCode: 3 }, stdout: 'before\n' });
    expect(result.exitCode).toBe(5);
    await expect.poll(() => hosts.running('sleep 98801'), { timeout: 30_000 }).toHaveLength(1);
    await scene.namespace.run('kill', ['-KILL', String(hosts.running('sleep 98801')[0]!.pid)]);
  });
});
