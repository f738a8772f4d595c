import { describe, expect, it } from 'vitest';
import { bytes, key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();

describe('a run whose connections break', () => {
  it('submits again with the same key when the connection breaks before the answer', async () => {
    let broken = 0;
    const dispatcher = await client.dispatcherWith({
      intercept: (request, response) => {
        if (request.method !== 'POST' || request.path !== '/v1/jobs' || broken++ > 1) return false;
        response.destroy();
        return true;
      },
    });
    const { code } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(code).toBe(0);
    const keys = dispatcher.requests
      .filter(({ path, method }) => method === 'POST' && path === '/v1/jobs')
      .map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  it('loses and repeats nothing when the streams break in the middle', async () => {
    const text = Array.from({ length: 200 }, (_, index) => `line ${index}\n`);
    let breaks = 0;
    const dispatcher: ScriptedDispatcher = await client.dispatcherWith({
      host: () => ({ outcome: { state: 'succeeded', exitCode: 0 }, stdout: text.map(bytes) }),
      intercept: (request, response) => {
        if (!request.path.includes('/output?') || breaks++ > 2) return false;
        const lines = dispatcher.outputLines().slice(0, 50 * breaks);
        response.writeHead(200);
        response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), () => response.destroy());
        return true;
      },
    });
    const { code, stdout } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(stdout.toString()).toBe(text.join(''));
    expect(code).toBe(0);
    expect(breaks).toBe(4);
  });

  it('goes on behind the last event that it saw', async () => {
    const dispatcher = await client.dispatcherWith({ hold: true });
    const running = client.pogo.start(['run', '-h', 'web[1-3]', '--identity', key, 'true']);
    await running.says('job p0000000012');
    await dispatcher.seen(({ path }) => path.includes('/events'));
    await dispatcher.seen(({ path }) => path.includes('/output'));
    dispatcher.breakConnections();
    await dispatcher.seen(({ headers }) => headers['last-event-id'] !== undefined);
    dispatcher.release();
    const { code, stderr } = await running.ended;
    expect(stderr).toContain('3 hosts: 3 succeeded');
    expect(code).toBe(0);
  });

  it('reads on where the events end in the middle, however often the job had ended before', async () => {
    let reads = 0;
    const dispatcher: ScriptedDispatcher = await client.dispatcherWith({
      intercept({ path }, response) {
        if (!path.includes('/events') || reads++ > 0) return false;
        const at = { atMs: 1, type: 'job-state', counts: {} };
        response.writeHead(200);
        response.write(`${JSON.stringify({ ...at, id: '5.0', state: 'failed' })}\n`);
        response.end(`${JSON.stringify({ ...at, id: '6.0', state: 'running' })}\n`);
        return true;
      },
    });
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(stderr).toContain('1 host: 1 succeeded');
    expect(code).toBe(0);
    const again = dispatcher.requests.filter(({ path }) => path.includes('/events'));
    expect(again.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '6.0']);
  });

  it('halts the job on Ctrl-C without a terminal, and exits with 130', async () => {
    const dispatcher = await client.dispatcherWith({ hold: true });
    const running = client.pogo.start(['run', '-h', 'web1', '--identity', key, 'sleep', '60']);
    await running.says('job p0000000012');
    await dispatcher.seen(({ path }) => path.includes('/events'));
    running.child.kill('SIGINT');
    const { code } = await running.ended;
    expect(code).toBe(130);
    expect(dispatcher.halts).toEqual([false]);
  });

  it('ends quietly when nobody reads its output any more', async () => {
    await client.dispatcherWith({
      hold: true,
      host: () => ({
        outcome: { state: 'succeeded', exitCode: 0 },
        stdout: Array.from({ length: 300 }, () => Buffer.alloc(8192, 'x\n')),
      }),
    });
    const running = client.pogo.start(['run', '-h', 'web1', '--identity', key, 'yes']);
    running.child.stdout!.once('data', () => running.child.stdout!.destroy());
    const { code, stderr } = await running.ended;
    expect(code).toBe(141);
    expect(stderr.split('\n').slice(1).join('')).toBe('');
  });

  it('says how to start a dispatcher when none answers', async () => {
    const gone = await client.dispatcherWith();
    await gone.stop();
    const { code, stderr } = await client.pogo.run(['ping']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^pogo: dispatcher-unreachable: no dispatcher at https:\/\/127\.0\.0\.1:\d+: it refused the connection\. Start one on this machine with `pogo up`/,
      ),
    ]);
  });
});
