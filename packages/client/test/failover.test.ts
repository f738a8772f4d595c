import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homeLayout } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { bytes, key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();
/** Other processes may be slow. */
const slow = { timeout: 20_000 };
const lines = Array.from({ length: 100 }, (_, index) => bytes(`line ${index}\n`));
const whole = Buffer.concat(lines);
const sha256 = createHash('sha256').update(whole).digest('hex');
const outcome = { state: 'succeeded', exitCode: 0, stdout: { bytes: whole.length, sha256 } } as const;
const host = () => ({ outcome, stdout: lines });

/** Two of one instance; the first sends half of the output, and keeps the connection. */
async function two(): Promise<[ScriptedDispatcher, ScriptedDispatcher]> {
  const first: ScriptedDispatcher = await client.dispatcherWith({
    hold: true,
    host,
    intercept: ({ path }, response) => {
      if (!path.includes('/output?follow')) return false;
      const half = first.outputLines().slice(0, 150);
      response.writeHead(200);
      response.write(half.map((line) => `${JSON.stringify(line)}\n`).join(''));
      return true;
    },
  });
  return [first, await client.dispatcherWith({ sharesJobOf: first })];
}

/** A line of `--jsonl`. */
interface Told {
  type: string;
  id?: string;
  host?: string;
  data?: string;
}

const listed = (dispatchers: readonly ScriptedDispatcher[]) => ({
  env: { POGO_DISPATCHERS: dispatchers.map(({ url }) => url).join(', ') },
});

describe('an attached run whose dispatcher dies', () => {
  it('goes on at the next one: every event and every byte once', async () => {
    const [first, second] = await two();
    const running = client.pogo.start(
      ['run', '-h', 'web[1-3]', '--identity', key, '--jsonl', 'true'],
      listed([first, second]),
    );
    let seen = '';
    running.child.stdout!.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await expect.poll(() => seen.split('"type":"output"').length - 1, slow).toBe(150);
    await expect.poll(() => seen, slow).toContain('"state":"running"');
    first.die();
    await second.seen(({ headers }) => headers['last-event-id'] !== undefined);
    first.release();
    const { code, stdout } = await running.ended;
    expect(code).toBe(0);
    const told = stdout
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Told);
    const pieces = told.filter(({ type }) => type === 'output');
    for (const name of ['web1', 'web2', 'web3']) {
      const written = pieces.filter((piece) => piece.host === name);
      const text = Buffer.concat(written.map(({ data }) => Buffer.from(data!, 'base64')));
      expect(text.toString()).toBe(whole.toString());
    }
    const ids = told.flatMap(({ id, type }) => (id === undefined || type === 'job' ? [] : [id]));
    expect(new Set(ids).size).toBe(ids.length);
    const finished = told.filter(({ type }) => type === 'host-finished');
    expect(finished).toHaveLength(3);
  });

  it('submits at the next one with the same key when the first breaks off with the job in its hands', async () => {
    const [first, second] = [
      await client.dispatcherWith({
        intercept: ({ method, path }, response) => {
          if (method !== 'POST' || path !== '/v1/jobs') return false;
          response.destroy();
          return true;
        },
      }),
      await client.dispatcherWith(),
    ];
    const { code } = await client.pogo.run(
      ['run', '-h', 'web1', '--identity', key, 'true'],
      listed([first, second]),
    );
    expect(code).toBe(0);
    const keys = [first, second].map(({ requests }) =>
      requests.filter(({ method, path }) => method === 'POST' && path === '/v1/jobs'),
    );
    expect(keys.map((some) => some.length)).toEqual([1, 1]);
    expect(keys[0]![0]!.headers['idempotency-key']).toBe(keys[1]![0]!.headers['idempotency-key']);
  });

  it('shows gathered output whole when the connection breaks in the middle of it', async () => {
    let breaks = 0;
    const first: ScriptedDispatcher = await client.dispatcherWith({
      host,
      intercept: ({ path, headers }, response) => {
        if (!path.includes('/output?stream=stdout') || breaks++ > 1) return false;
        const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
        response.writeHead(from === 0 ? 200 : 206, { 'content-length': String(whole.length - from) });
        response.write(whole.subarray(from, from + 100), () => response.destroy());
        return true;
      },
    });
    const { code, stdout } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, '-b', 'true']);
    expect(code).toBe(0);
    expect(stdout.toString()).toContain(whole.toString());
    const asked = first.requests.filter(({ path }) => path.includes('/output?stream=stdout'));
    expect(asked.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100-', 'bytes=200-']);
  });
});

describe('where the dispatchers are', () => {
  it('is said by the profile, or instead of it by `dispatchers` of the configuration', async () => {
    const gone = await client.dispatcherWith();
    const there = await client.dispatcherWith({ sharesJobOf: gone });
    const run = ['run', '-h', 'web1', '--identity', key, '--detach', 'true'];
    const { profile } = homeLayout(client.pogo.home).client;
    const written = JSON.parse(await readFile(profile, 'utf8')) as object;
    await writeFile(profile, JSON.stringify({ ...written, url: gone.url, others: [there.url] }));
    gone.die();
    expect(await client.pogo.run(run)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`${there.url}/v1/jobs/`) as string,
    });
    const configuration = join(client.pogo.home, '.pogoconf');
    await writeFile(configuration, `dispatchers:\n  - ${gone.url}\n`);
    const refused = await client.pogo.run(['status', 'last']);
    await writeFile(configuration, `dispatchers: https://x/path\n`);
    const invalid = await client.pogo.run(['status', 'last']);
    await writeFile(configuration, '');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining(`no dispatcher at ${gone.url}`) as string,
    ]);
    expect([invalid.code, invalid.stderr]).toEqual([
      2,
      expect.stringContaining('give https://HOST:PORT, without a path') as string,
    ]);
  });
});
