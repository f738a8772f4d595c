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
