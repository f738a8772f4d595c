import { describe, expect, it } from 'vitest';
import { bytes, key, useClient } from './support/client.js';

const client = useClient();

describe('pogo run', () => {
  it('says job and URL first, passes one host’s bytes through as they are, and keeps stderr apart', async () => {
    const out = Buffer.from([0, 255, 10, 13, 27, 91, 65, 195]);
    const dispatcher = await client.dispatcherWith({
      host: () => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: [out, out],
        stderr: [bytes('oops')],
      }),
    });
    const { code, stdout, stderr } = await client.pogo.run([
      'run',
      '-h',
      'web1',
      '--identity',
      key,
      '--',
      'uptime',
      '-p',
      '; x',
    ]);
    expect(code).toBe(0);
    expect(stdout).toEqual(Buffer.concat([out, out]));
    const [first, second] = stderr.split('\n');
    expect(first).toMatch(/^job p0000000012 {2}https:\/\/127\.0\.0\.1:\d+\/v1\/jobs\/p0000000012$/);
    expect(second).toMatch(/^oops/);
    expect(stderr).toContain('1 host: 1 succeeded');
    expect(dispatcher.submitted!.spec.command).toEqual({ kind: 'argv', argv: ['uptime', '-p', '; x'] });
  });

  it('prefixes whole lines with their host for several hosts, and completes the last one', async () => {
    await client.dispatcherWith({
      host: (name) => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: [bytes(`a ${name}`), bytes('\nb'), bytes(' c')],
      }),
    });
    const { code, stdout } = await client.pogo.run(['run', '-h', 'web[1-2]', '--identity', key, 'uptime']);
    expect(code).toBe(0);
    expect(stdout.toString().split('\n').filter(Boolean).sort()).toEqual([
      'web1: a web1',
      'web1: b c',
      'web2: a web2',
      'web2: b c',
    ]);
  });

  it('groups failures by reason with folded hosts and advice, and gives the exit code of the worst', async () => {
    await client.dispatcherWith({
      host: (name) =>
        name === 'web3'
          ? { outcome: { state: 'unreachable', reason: 'connection-refused', message: 'web3:22 refused' } }
          : { outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 5 } },
    });
    const { code, stderr } = await client.pogo.run([
      'run',
      '-h',
      'web[1-3]',
      '--identity',
      key,
      '--',
      'false',
    ]);
    expect(code).toBe(4);
    expect(stderr).toContain('failed (exit-nonzero): web[1-2]\n    exit status 5\n');
    expect(stderr).toContain(
      'unreachable (connection-refused): web3\n    web3:22 refused\n    Nothing listens there',
    );
  });

  it('prints the id alone on stdout when it detaches', async () => {
    const dispatcher = await client.dispatcherWith({ hold: true });
    const { code, stdout } = await client.pogo.run([
      'run',
      '-d',
      '-h',
      'web1',
      '--identity',
      key,
      'sleep',
      '60',
    ]);
    expect(code).toBe(0);
    expect(stdout.toString()).toBe('p0000000012\n');
    expect(dispatcher.requests.some(({ path }) => path.includes('/events'))).toBe(false);
  });

  it('shows the plan with --dry-run, submits nothing and needs no credential', async () => {
    const dispatcher = await client.dispatcherWith();
    const { code, stdout } = await client.pogo.run([
      'run',
      '-n',
      '-h',
      'web[1-4]',
      '--concurrent',
      '50%',
      "echo 'a b' | cat",
    ]);
    expect(code).toBe(0);
    expect(stdout.toString()).toContain("shell string  echo 'a b' | cat");
    expect(stdout.toString()).toContain('at most 2 hosts');
    expect(dispatcher.submitted).toBeUndefined();
  });
});
