/** `pogo report`: what became of a job, and whether its limits were kept. */
import { type JobReportDocument, jobReportSchema } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { json } from './support/answers.js';
import { key, useClient } from './support/client.js';

const client = useClient();
const id = 'p0000000012';
const at = (index: number) => ({ atMs: Date.parse('2026-11-22T16:05:07.120Z') + index, index });

const slot: JobReportDocument['slots'][number] = {
  slot: 'frontend@coast=east',
  version: 3,
  members: 101,
  limit: 25,
  written: '25%',
  peak: 25,
  at: at(43),
  hosts: 'foo[1-25].east',
  violations: 0,
  violated: [],
  verdict: 'kept',
};

const kept: JobReportDocument = {
  job: id,
  state: 'failed',
  title: 'true',
  submitter: 'ada',
  verdict: 'kept',
  complete: true,
  missing: [],
  hosts: 101,
  counts: { succeeded: 100, failed: 1 },
  unconstrained: false,
  periods: [{ from: at(42), to: at(1042), state: 'failed' }],
  durationMs: 1000,
  attempts: { total: 102, retriedHosts: 1, most: 2, failed: 2 },
  failures: [{ state: 'failed', reason: 'exit-nonzero', count: 1, hosts: 'foo7.east' }],
  own: [{ limit: 30, peak: 25, at: at(43), violations: 0, verdict: 'kept' }],
  slots: [slot],
  sequences: [
    {
      ...{ environment: 'coast=east', before: 'backend', hostsBefore: 2, after: 'frontend', hostsAfter: 99 },
      ...{ lastEnd: at(43), firstStart: at(43), violations: 0, verdict: 'kept' },
    },
  ],
};

async function report(changes: Partial<JobReportDocument> = {}, args: string[] = []) {
  await client.dispatcherWith({
    intercept: (request, response) => {
      if (request.path !== `/v1/jobs/${id}/report`) return false;
      json(response, 200, jobReportSchema.parse({ ...kept, ...changes }));
      return true;
    },
  });
  await client.pogo.run(['run', '-d', '-h', 'foo[1-8].east', '--identity', key, 'true']);
  const { code, stdout, stderr } = await client.pogo.run(['report', '12', ...args]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

describe('pogo report', () => {
  it('shows the most at once against each limit, the sequences, failures and attempts', async () => {
    const { code, stdout, stderr } = await report();
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('p0000000012 failed  101 hosts: 100 succeeded, 1 failed\ntrue\nby ada\n');
    expect(stdout).toContain('102 attempts, 2 of them did not succeed; 1 host tried again, up to 2 times\n');
    expect(stdout).toContain('  failed (exit-nonzero): 1: foo7.east\n');
    expect(stdout).toMatch(/^the job's own limit +25 of 30 +2026-\S+ \S+ \(entry 43\) +kept$/m);
    expect(stdout).toMatch(
      /^frontend@coast=east +25 of 25 \(25%\) +version 3 +2026-\S+ \S+ \(entry 43\) +kept +foo\[1-25\]\.east$/m,
    );
    expect(stdout).toMatch(
      /^backend \(2\), frontend \(99\) +coast=east .*\(entry 43\) +.*\(entry 43\) +kept$/m,
    );
    expect(stdout).toMatch(/\nkept: every limit and every sequence\n$/);
  });

  it('is the document for --json', async () => {
    const { code, stdout } = await report({}, ['--json']);
    expect(JSON.parse(stdout)).toEqual(kept);
    expect(code).toBe(0);
  });

  it('shows a violated limit as VIOLATED, with host, time and entry: exit 1', async () => {
    const violated = [{ host: 'foo26.east', use: 26, ...at(44) }];
    const { code, stdout, stderr } = await report({
      verdict: 'violated',
      slots: [{ ...slot, peak: 26, violations: 1, violated, verdict: 'violated' }],
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^frontend@coast=east +26 of 25 .*VIOLATED/m);
    expect(stdout).toMatch(
      /^frontend@coast=east: foo26\.east was permitted at .*\(entry 44\), which made 26 where 25 may be$/m,
    );
    expect(stderr).toContain('pogo: limits-violated: ');
  });

  it('does not pass for a proof where a part of the record is missing: exit 1', async () => {
    const missing = ['the log is kept from entry 90 on, and the job was accepted before'];
    const { code, stdout, stderr } = await report({ verdict: 'unproven', complete: false, missing });
    expect(code).toBe(1);
    expect(stdout).toContain(`missing: ${missing[0]}\nnot proven: `);
    expect(stderr).toContain('pogo: report-incomplete: ');
  });

  it('says so where no limit was about the job', async () => {
    const { stdout } = await report({ slots: [], sequences: [], own: [] });
    expect(stdout).toMatch(/\nno limit or sequence was about this job\n$/);
  });
});
