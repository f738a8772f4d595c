import { randomBytes } from 'node:crypto';
import { type OutputLine, outputLineSchema } from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DispatcherLimits } from '../src/dispatcher-limits.js';
import type { ApiClient } from './support/api-client.js';
import { Cluster, finished, jobRequest, type RunningDispatcher, submit } from './support/cluster.js';
import { begin, succeed } from './support/attempt-scripts.js';
import { type ScriptedWorker } from './support/scripted-worker.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const text = (data: string) => Buffer.from(data);

async function all(api: ApiClient, path: string): Promise<OutputLine[]> {
  const lines: OutputLine[] = [];
  for await (const line of api.lines(path)) lines.push(outputLineSchema.parse(JSON.parse(line)));
  return lines;
}

/** Puts the pieces of each stream together, and checks that none is missing or doubled. */
function streams(lines: readonly OutputLine[]): Record<string, string> {
  const found: Record<string, { pieces: Buffer[]; length: number }> = {};
  for (const line of lines) {
    if (line.type !== 'output') continue;
    const key = `${line.host} ${line.stream}`;
    const stream = (found[key] ??= { pieces: [], length: 0 });
    expect(line.offset, key).toBe(stream.length);
    const piece = Buffer.from(line.data, 'base64');
    stream.pieces.push(piece);
    stream.length += piece.length;
  }
  const whole = ({ pieces }: { pieces: Buffer[] }) => Buffer.concat(pieces).toString('latin1');
  return Object.fromEntries(Object.entries(found).map(([key, stream]) => [key, whole(stream)]));
}

/** A job whose hosts all run, for the test to write output of. */
async function runningJob(
  targets: string,
  limits: Partial<DispatcherLimits> = {},
): Promise<{ running: RunningDispatcher; worker: ScriptedWorker; end: (host: number) => Promise<void> }> {
  const running = await cluster.dispatcher({ limits });
  const worker = await cluster.worker(running.dispatcher, { script: begin });
  const { hosts } = await submit(running.api, jobRequest(targets));
  await worker.until(() => worker.assigned.length === hosts);
  const end = async (host: number) => {
    const written = (stream: string) =>
      (worker.spool.get(1) ?? [])
        .filter((piece) => piece.host === host && piece.stream === stream)
        .reduce((sum, { data }) => sum + data.length, 0);
    const digest = (stream: string) => ({ bytes: written(stream), sha256: '' });
    const outcome = {
      state: 'succeeded',
      exitCode: 0,
      stdout: digest('stdout'),
      stderr: digest('stderr'),
    } as const;
    await worker.report([{ job: 1, host, attempt: 1, event: 'finished', outcome }]);
  };
  return { running, worker, end };
}

describe('the output of a job', () => {
  it('comes live from all hosts, each stream whole and in order, and ends with the job', async () => {
    const { running, worker, end } = await runningJob('a[1-2]');
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('first\n') });
    const lines: OutputLine[] = [];
    for await (const line of running.api.lines('/v1/jobs/1/output?follow')) {
      const last = outputLineSchema.parse(JSON.parse(line));
      lines.push(last);
      const said = last.type === 'output' ? Buffer.from(last.data, 'base64').toString() : last.type;
      // The next is written only when the one before was read.
      if (said === 'first\n')
        worker.write(1, { host: 1, attempt: 1, stream: 'stderr', data: text('oops\n') });
      if (said === 'oops\n')
        worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('second\n') });
      if (said === 'second\n') await Promise.all([end(0), end(1)]);
    }
    expect(streams(lines)).toEqual({ 'a1 stdout': 'first\nsecond\n', 'a2 stderr': 'oops\n' });
    expect(lines.at(-1)).toEqual({ type: 'end' });
  });

  it('can be had again after the end, from a position on as well', async () => {
    const { running, worker, end } = await runningJob('a[1-2]');
    for (const [at, word] of ['one ', 'two ', 'three '].entries()) {
      worker.write(1, { host: at % 2, attempt: 1, stream: 'stdout', data: text(word) });
    }
    await Promise.all([end(0), end(1)]);
    await finished(running.api, 'p1');
    const whole = await all(running.api, '/v1/jobs/last/output');
    expect(streams(whole)).toEqual({ 'a1 stdout': 'one three ', 'a2 stdout': 'two ' });
    const rest = await all(running.api, '/v1/jobs/1/output?from=worker-1:2');
    expect(rest).toEqual([whole[2], { type: 'end' }]);
  });

  it('of a fast host reaches a reader whole while another one reads nothing', async () => {
    const { running, worker, end } = await runningJob('a');
    const idle = await running.api.open('/v1/jobs/1/output?follow');
    idle.pause();
    const eager = all(running.api, '/v1/jobs/1/output?follow');
    await worker.until(() => worker.subscriptions === 2);
    const block = randomBytes(64 * 1024);
    const blocks = 320;
    for (let at = 0; at < blocks; at++) {
      worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: block });
    }
    await end(0);
    expect((await finished(running.api, 'p1')).state).toBe('succeeded');
    const lines = await eager;
    expect(lines).toHaveLength(blocks + 1);
    expect(streams(lines)['a stdout']).toHaveLength(blocks * block.length);
    // The idle reader was sent what the windows and sockets on its way hold, and no more.
    expect(worker.sentBytes - blocks * block.length).toBeLessThan(12 * 1024 * 1024);
    expect(worker.subscriptions).toBe(1);
    idle.destroy();
    await worker.until(() => worker.subscriptions === 0);
  });

  it('goes on from where it stood when the worker connects again', async () => {
    const { running, worker, end } = await runningJob('a');
    worker.held = [{ job: 1, host: 0, attempt: 1 }];
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('before ') });
    const lines: OutputLine[] = [];
    for await (const line of running.api.lines('/v1/jobs/1/output?follow')) {
      lines.push(outputLineSchema.parse(JSON.parse(line)));
      if (lines.length === 1) {
        worker.disconnect();
        await worker.until(() => !worker.connected);
        worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('after') });
        await worker.until(() => worker.connected);
      }
      if (lines.length === 2) await end(0);
    }
    expect(streams(lines)).toEqual({ 'a stdout': 'before after' });
    expect(lines.at(-1)).toEqual({ type: 'end' });
  });

  it('is all there where a worker ended what it sent, and was given hosts of the job again', async () => {
    const { running, worker, end } = await runningJob('a[1-2]');
    const write = (host: number, data: string) =>
      worker.write(1, { host, attempt: 1, stream: 'stdout', data: text(data) });
    write(0, 'zero, ');
    const lines: OutputLine[] = [];
    for await (const line of running.api.lines('/v1/jobs/1/output?follow')) {
      lines.push(outputLineSchema.parse(JSON.parse(line)));
      if (lines.length > 1) continue;
      // It is being stopped: what it has open ends when its hosts have.
      const opened = worker.opened.get(1)!;
      worker.opened.delete(1);
      write(0, 'one, ');
      await worker.until(() => worker.subscriptions === 0);
      write(0, 'two');
      // It is there again, and has the job open as before.
      worker.opened.set(1, opened);
      await end(0);
      write(1, 'three');
      await end(1);
    }
    expect(streams(lines)).toEqual({ 'a1 stdout': 'zero, one, two', 'a2 stdout': 'three' });
    expect(lines.at(-1)).toEqual({ type: 'end' });
  });

  it('is waited for where its worker has just gone, also once the job has ended', async () => {
    const { running, worker, end } = await runningJob('a');
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('whole') });
    await end(0);
    await finished(running.api, 'p1');
    for (const path of ['/v1/jobs/1/output?follow', '/v1/jobs/1/output']) {
      worker.disconnect();
      await worker.until(() => !worker.connected);
      expect(streams(await all(running.api, path))).toEqual({ 'a stdout': 'whole' });
      await worker.until(() => worker.connected);
    }
    worker.disconnect();
    await worker.until(() => !worker.connected);
    const bytes = await running.api.call('/v1/jobs/1/hosts/a/output');
    expect([bytes.status, bytes.body.toString()]).toEqual([200, 'whole']);
  });

  it('that can not be had is a gap by name', async () => {
    const { running, worker, end } = await runningJob('a', { workerReturnMs: 0 });
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('gone') });
    await end(0);
    await finished(running.api, 'p1');
    await worker.until(() => worker.closed.length === 1);
    worker.spool.clear();
    expect(await all(running.api, '/v1/jobs/1/output')).toEqual([
      { type: 'gap', detail: expect.stringContaining('worker-1') as string },
      { type: 'end' },
    ]);
    await worker.stop();
    expect(await all(running.api, '/v1/jobs/1/output?follow')).toEqual([
      { type: 'gap', detail: expect.stringContaining('not connected') as string },
      { type: 'end' },
    ]);
  });
});

describe('the output of one host', () => {
  it('is its bytes, whole or by range', async () => {
    const { running, worker, end } = await runningJob('a[1-2]');
    const bytes = randomBytes(200_000);
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('other host') });
    worker.write(1, { host: 1, attempt: 1, stream: 'stdout', data: bytes });
    worker.write(1, { host: 1, attempt: 1, stream: 'stderr', data: text('to stderr') });
    await Promise.all([end(0), end(1)]);
    await finished(running.api, 'p1');
    const path = '/v1/jobs/1/hosts/a2/output';
    const whole = await running.api.call(path);
    expect(whole.status).toBe(200);
    expect(whole.headers['content-length']).toBe('200000');
    expect(whole.body.equals(bytes)).toBe(true);
    expect((await running.api.call(`${path}?stream=stderr`)).body.toString()).toBe('to stderr');

    const ranges: [header: string, from: number, to: number][] = [
      ['bytes=0-0', 0, 1],
      ['bytes=100-199', 100, 200],
      ['bytes=199990-', 199_990, 200_000],
      ['bytes=-5', 199_995, 200_000],
      ['bytes=150000-999999', 150_000, 200_000],
    ];
    for (const [range, from, to] of ranges) {
      const part = await running.api.call(path, { headers: { range } });
      expect(part.status, range).toBe(206);
      expect(part.headers['content-range']).toBe(`bytes ${from}-${to - 1}/200000`);
      expect(part.body.equals(bytes.subarray(from, to)), range).toBe(true);
    }
    const beyond = await running.api.call(path, { headers: { range: 'bytes=200000-' } });
    expect(beyond.status).toBe(416);
    expect(beyond.headers['content-range']).toBe('bytes */200000');
    expect(beyond.json()).toMatchObject({ type: 'urn:pogo:problem:range-not-satisfiable' });
    const several = await running.api.call(path, { headers: { range: 'bytes=0-1,5-6' } });
    expect(several.status).toBe(200);
    expect(several.body).toHaveLength(200_000);
  });

  it('is followed to the end of that host, while others go on', async () => {
    const { running, worker, end } = await runningJob('a[1-2]');
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('one\n') });
    const response = await running.api.open('/v1/jobs/1/hosts/a1/output?follow');
    let read = '';
    for await (const chunk of response) {
      read += String(chunk);
      if (read === 'one\n') {
        worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('two\n') });
        await end(0);
      }
    }
    expect(response.complete).toBe(true);
    expect(read).toBe('one\ntwo\n');
  });

  it('of a host that was never reached is empty', async () => {
    const running = await cluster.dispatcher({ limits: { workerReturnMs: 0 } });
    const worker = await cluster.worker(running.dispatcher, {
      script: (attempt, self) =>
        attempt.host === 0
          ? [{ ...attempt, event: 'finished', outcome: { state: 'unreachable', reason: 'dns' } }]
          : succeed(attempt, self),
    });
    await submit(running.api, jobRequest('a[1-2]'));
    await finished(running.api, 'p1');
    const reply = await running.api.call('/v1/jobs/1/hosts/a1/output');
    expect(reply.status).toBe(200);
    expect(reply.body).toHaveLength(0);
    await worker.stop();
    const away = await running.api.call('/v1/jobs/1/hosts/a2/output');
    expect(away.status).toBe(503);
    expect(away.json()).toMatchObject({ type: 'urn:pogo:problem:output-unavailable' });
  });

  it('that breaks off is an incomplete transfer, never a short one', async () => {
    const { running, worker } = await runningJob('a');
    worker.write(1, { host: 0, attempt: 1, stream: 'stdout', data: text('half') });
    const response = await running.api.open('/v1/jobs/1/hosts/a/output?follow');
    await expect(
      (async () => {
        for await (const _chunk of response) worker.disconnect();
      })(),
    ).rejects.toThrow('aborted');
  });
});
