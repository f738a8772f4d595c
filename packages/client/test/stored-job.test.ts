import { describe, expect, it } from 'vitest';
import { bytes, key, useClient } from './support/client.js';

const client = useClient();

describe('pogo log, status and wait', () => {
  it('show and follow a job that ran before', async () => {
    await client.dispatcherWith({
      host: (name) => ({
        outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 1 },
        stdout: [bytes(`${name}\n`)],
        stderr: [bytes('warn\n')],
      }),
    });
    await client.pogo.run(['run', '-d', '-h', 'web[1-2]', '--identity', key, 'true']);
    const log = await client.pogo.run(['log', '12', 'web2', '--stream', 'stdout']);
    expect(log.stdout.toString()).toBe('web2\n');
    expect(log.stderr).toBe('');
    expect((await client.pogo.run(['log', 'p12'])).stdout.toString()).toBe('web1: web1\nweb2: web2\n');
    const status = await client.pogo.run(['status', 'last']);
    expect(status.stdout.toString()).toContain('failed (exit-nonzero)  2  web[1-2]');
    const wait = await client.pogo.run(['wait', 'last']);
    expect(wait.code).toBe(5);
    const unknown = await client.pogo.run(['log', '12', 'db1']);
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('pogo: unknown-host: db1 is not a host of p0000000012'),
    ]);
  });

  it('say in which step a host ended, beside what it wrote', async () => {
    await client.dispatcherWith({
      host: (name) => ({
        outcome:
          name === 'web3'
            ? { state: 'failed', reason: 'exit-nonzero', exitCode: 1 }
            : {
                state: 'failed',
                reason: 'health-failed',
                step: 'health',
                exitCode: 7,
                message: '--health exited with 7 on its last try',
              },
        stdout: [bytes(`${name}\n`)],
      }),
    });
    await client.pogo.run(['run', '-d', '-h', 'web[1-3]', '--identity', key, 'true']);
    const says = 'failed (health-failed): --health exited with 7 on its last try\n';
    for (const args of [[], ['--follow']]) {
      const log = await client.pogo.run(['log', '12', ...args]);
      expect(log.stderr).toBe(`pogo: web[1-2]: ${says}`);
      expect(log.stdout.toString()).toBe('web1: web1\nweb2: web2\nweb3: web3\n');
    }
    expect((await client.pogo.run(['log', '12', 'web2'])).stderr).toBe(`pogo: web2: ${says}`);
    expect((await client.pogo.run(['log', '12', 'web3'])).stderr).toBe('');
    const lines = (await client.pogo.run(['log', '12', 'web1', '--json'])).stdout
      .toString()
      .trim()
      .split('\n');
    expect(JSON.parse(lines.at(-1)!)).toEqual({
      type: 'step',
      host: 'web1',
      attempt: 1,
      step: 'health',
      state: 'failed',
      reason: 'health-failed',
      exitCode: 7,
      message: '--health exited with 7 on its last try',
    });
  });

  it('show the last attempt of a host, and an earlier one when it is asked for', async () => {
    await client.dispatcherWith({
      host: (name, attempt) => ({
        outcome:
          attempt === 1
            ? { state: 'failed', reason: 'exit-nonzero', exitCode: 1 }
            : { state: 'succeeded', exitCode: 0 },
        stdout: [bytes(`${name} ${attempt}\n`)],
      }),
    });
    await client.pogo.run(['run', '-d', '-h', 'web[1-2]', '--identity', key, 'true']);
    await client.pogo.run(['retry', 'last', 'web2', '-d']);
    const log = async (...args: string[]) => {
      const { code, stdout, stderr } = await client.pogo.run(['log', '12', ...args]);
      return [code, stdout.toString(), stderr];
    };
    const note =
      'pogo: only the last attempt is shown, number 2 on web2: --attempt N shows an earlier one, --attempt all every one\n';
    expect(await log('web2')).toEqual([0, 'web2 2\n', note]);
    expect(await log()).toEqual([0, 'web1: web1 1\nweb2: web2 2\n', note]);
    expect(await log('web2', '--attempt', '1')).toEqual([0, 'web2 1\n', '']);
    expect(await log('web2', '--attempt', 'all')).toEqual([0, 'web2 1\nweb2 2\n', '']);
    expect(await log('web2', '--attempt', '3')).toEqual([
      2,
      '',
      'pogo: unknown-attempt: no host of p0000000012 that was named has had an attempt 3: the last one of web2 is 2\n',
    ]);
    const rows = (await client.pogo.run(['status', 'last', '--hosts'])).stdout.toString();
    expect(rows).toMatch(/^ {2}web2 +succeeded +attempt 2/m);
  });
});
