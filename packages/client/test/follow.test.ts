import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readLines } from '../src/api/line-reader.js';
import { groupByOutput } from '../src/run/gather.js';
import { type FinishedHost, JobProgress } from '../src/run/job-progress.js';
import { summaryText } from '../src/render/summary.js';
import picocolors from 'picocolors';

const finished = (host: string, outcome: FinishedHost['outcome'], attempt = 1): FinishedHost => ({
  id: '1.0',
  atMs: 0,
  type: 'host-finished',
  host,
  attempt,
  outcome,
});

describe('lines of a stream', () => {
  it('are the same however the stream was divided, without an unfinished one', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '😀') });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.integer({ min: 1, max: 5 })), async (value, lengths) => {
        const bytes = Buffer.from(value);
        const parts: Buffer[] = [];
        let start = 0;
        for (const length of lengths) parts.push(bytes.subarray(start, (start += length)));
        parts.push(bytes.subarray(start));
        const lines: string[] = [];
        for await (const line of readLines(Readable.from(parts.filter((part) => part.length > 0))))
          lines.push(line);
        expect(lines).toEqual(value.split('\n').slice(0, -1));
      }),
    );
  });
});

describe('the progress of a job', () => {
  it('counts hosts by their last state, those of which nothing was heard as waiting', () => {
    const progress = new JobProgress(5);
    const state = (at: 'permitted' | 'running' | 'halted', hosts: string, count: number) =>
      progress.take({ id: '1.0', atMs: 0, type: 'hosts-state', state: at, hosts, count });
    state('permitted', 'web[1-3]', 3);
    state('running', 'web[1-2]', 2);
    expect(progress.counts()).toEqual({ waiting: 2, permitted: 1, running: 2 });
    expect(progress.take(finished('web1', { state: 'succeeded' }))).toBe(true);
    expect(progress.take(finished('web1', { state: 'succeeded' }))).toBe(false);
    state('halted', 'web[3-5]', 3);
    expect(progress.counts()).toEqual({ running: 1, succeeded: 1, halted: 3 });
    expect(progress.done).toBe(4);
    expect(progress.hostsIn('halted')).toEqual(['web3', 'web4', 'web5']);
  });

  it('forgets how a host had ended once it runs again, and why the job had stopped once it goes on', () => {
    const progress = new JobProgress(2);
    const job = (state: 'running' | 'halted', detail?: string) =>
      progress.take({ id: '1.0', atMs: 0, type: 'job-state', state, counts: {}, ...(detail && { detail }) });
    progress.take(finished('web1', { state: 'failed', reason: 'exit-nonzero', exitCode: 1 }));
    progress.take(finished('web2', { state: 'succeeded' }));
    job('halted', 'halt: request');
    expect(progress.details).toEqual(['halt: request']);
    job('running', 'retry by me');
    progress.take({ id: '1.0', atMs: 0, type: 'hosts-state', state: 'waiting', hosts: 'web1', count: 1 });
    expect(progress.details).toEqual(['retry by me']);
    expect([...progress.finished].map(({ host }) => host)).toEqual(['web2']);
  });

  it('takes for news only what was not known before, and evidence for what was unknown', () => {
    const known = [
      { host: 'web1', state: 'failed', attempt: 2, outcome: { state: 'failed' } },
      { host: 'web2', state: 'unknown', attempt: 1, outcome: { state: 'unknown' } },
      { host: 'web3', state: 'running', attempt: 1 },
    ] as const;
    const progress = new JobProgress(3, known);
    const news = [
      finished('web1', { state: 'failed' }, 1),
      finished('web1', { state: 'failed' }, 2),
      finished('web2', { state: 'unknown' }),
      finished('web1', { state: 'succeeded' }, 3),
      finished('web2', { state: 'killed' }),
      finished('web2', { state: 'unknown' }),
      finished('web3', { state: 'succeeded' }),
    ].map((event) => progress.take(event));
    expect(news).toEqual([false, false, false, true, true, false, true]);
  });

  it('ends in a summary that names every host that did not succeed', () => {
    const progress = new JobProgress(6);
    progress.take({ id: '1.0', atMs: 0, type: 'hosts-state', state: 'halted', hosts: 'web[5-6]', count: 2 });
    progress.take(finished('web1', { state: 'succeeded' }));
    for (const host of ['web2', 'web3'])
      progress.take(finished(host, { state: 'failed', reason: 'exit-nonzero', exitCode: 2 }));
    progress.take(
      finished('web4', { state: 'auth-failed', reason: 'key-refused', message: '\x1b[2Jrefused' }),
    );
    progress.take({
      id: '2.0',
      atMs: 0,
      type: 'job-state',
      state: 'halted',
      detail: 'halt: request',
      counts: {},
    });
    const text = summaryText(
      progress,
      { id: 'p0000000001', durationMs: 61_000 },
      picocolors.createColors(false),
    );
    expect(text.split('\n')).toEqual([
      'p0000000001 halted in 1 min 1 s: 6 hosts: 1 succeeded, 2 failed, 1 auth-failed, 2 halted',
      '  halt: request',
      '  failed (exit-nonzero): web[2-3]',
      '    exit status 2',
      expect.stringContaining('    The command ran'),
      '  auth-failed (key-refused): web4',
      '    ^[[2Jrefused',
      expect.stringContaining('    The host refused the key'),
      '  halted: web[5-6]',
      '',
    ]);
  });
});

describe('gathered output', () => {
  it('puts hosts together that ended alike with equal digests, the largest group first', () => {
    const output = (sha256: string) => ({ bytes: 1, sha256 });
    const hosts = [
      finished('a', { state: 'succeeded', stdout: output('x'), stderr: output('y') }),
      finished('b', { state: 'succeeded', stdout: output('z'), stderr: output('y') }),
      finished('c', { state: 'succeeded', stdout: output('z'), stderr: output('y') }),
      finished('d', { state: 'failed', exitCode: 1, stdout: output('z'), stderr: output('y') }),
      finished('e', { state: 'unknown', stdout: output('z') }),
      finished('f', { state: 'unknown', stdout: output('z') }),
      finished('g', { state: 'unreachable', reason: 'dns' }),
      finished('h', { state: 'unreachable', reason: 'dns' }),
      finished('i', { state: 'unreachable', reason: 'dns' }),
    ];
    expect(groupByOutput(hosts).map((group) => group.hosts.map(({ host }) => host).join(''))).toEqual([
      'ghi',
      'bc',
      'a',
      'd',
      'e',
      'f',
    ]);
  });
});
