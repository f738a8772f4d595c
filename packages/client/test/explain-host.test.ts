/** `pogo explain JOB HOST`: what the host waits for, and each entry of the log that decided about it. */
import { type Explanation, explanationSchema, type JobEventDocument, jobEventSchema } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { json } from './support/answers.js';
import { key, useClient } from './support/client.js';

const client = useClient();
const job = 'p0000000012';
const waiting: Explanation['waiting'] = [
  { hosts: 'foo[5-8].east', count: 4, obstacles: [{ kind: 'own-cap', concurrent: 1, disturbed: 1 }] },
];
const at = (id: string) => ({ id, atMs: 1_795_000_000_000 });
const events: JobEventDocument[] = [
  { ...at('7.0'), type: 'job-state', state: 'running', counts: { waiting: 8 } },
  { ...at('8.0'), type: 'hosts-state', state: 'permitted', hosts: 'foo[1-2].east', count: 2 },
  { ...at('8.1'), type: 'hosts-state', state: 'assigned', hosts: 'foo2.east', count: 1 },
  {
    ...{ ...at('9.0'), type: 'host-finished', host: 'foo2.east', attempt: 1 },
    outcome: { state: 'failed', reason: 'exit-nonzero', message: 'Exited with status 3.', exitCode: 3 },
  },
  {
    ...{ ...at('11.0'), type: 'hosts-state', state: 'failed', hosts: 'foo2.east', count: 1 },
    detail: 'released by ada',
  },
];

async function explain(args: readonly string[], told: readonly string[] = events.map(lineOf)) {
  await client.dispatcherWith({
    hold: true,
    intercept: (request, response) => {
      if (request.path.endsWith('/explanation')) {
        json(response, 200, explanationSchema.parse({ job, state: 'running', waiting }));
        return true;
      }
      if (!request.path.endsWith('/events')) return false;
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.end(told.map((line) => `${line}\n`).join(''));
      return true;
    },
  });
  await client.pogo.run(['run', '-d', '-h', 'foo[1-8].east', '--identity', key, 'true']);
  const { code, stdout, stderr } = await client.pogo.run(['explain', 'last', ...args]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

function lineOf(event: JobEventDocument): string {
  return JSON.stringify(jobEventSchema.parse(event));
}

describe('pogo explain JOB HOST', () => {
  it('names each decision with its entry in the log, and nothing about others', async () => {
    const { code, stdout, stderr } = await explain(['foo2.east']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [first, ...lines] = stdout.split('\n');
    expect(first).toBe(`foo2.east failed  in ${job}, which is running`);
    expect(lines.map((line) => line.replace(/^ {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}/, ''))).toEqual([
      'entry 8  permitted',
      'entry 8  assigned',
      'entry 9  failed attempt 1 (exit-nonzero): Exited with status 3.',
      'entry 11  failed: released by ada',
      '',
    ]);
  });

  it('says all that a waiting host waits for', async () => {
    const { code, stdout } = await explain(['foo6.east']);
    expect(stdout).toBe(
      `foo6.east waiting  in ${job}, which is running\n` +
        "it waits for room in the job's own limit: 1 of 1 in use\nnothing was decided about it yet\n",
    );
    expect(code).toBe(0);
  });

  it('is one document for --json', async () => {
    const { code, stdout } = await explain(['FOO2.east', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ job, state: 'running', host: 'FOO2.east', hostState: 'failed', waiting: [] },
      decisions: [
        { entry: 8, state: 'permitted' },
        { entry: 8, state: 'assigned' },
        { entry: 9, state: 'failed', attempt: 1, reason: 'exit-nonzero' },
        { entry: 11, state: 'failed', detail: 'released by ada' },
      ],
    });
    expect(code).toBe(0);
  });

  it('claims no entry for what the log no longer has', async () => {
    const caughtUp = lineOf({
      ...{ ...at('0.0'), type: 'hosts-state', state: 'running', hosts: 'foo1.east', count: 1 },
    });
    const { stdout } = await explain(['foo1.east', '--json'], [caughtUp]);
    const { decisions } = JSON.parse(stdout) as { decisions: unknown[] };
    expect(decisions).toEqual([{ atMs: at('0.0').atMs, state: 'running' }]);
  });

  it.each([
    ['a host that the job does not have', 'bar1', 'unknown-hosts', 2],
    ['several hosts', 'foo[1-2].east', 'one-host', 2],
    ['what is no expression', 'foo[', 'invalid-target', 2],
  ])('refuses %s', async (_, host, problem, exitCode) => {
    const { code, stdout, stderr } = await explain([host]);
    expect(stderr).toContain(`pogo: ${problem}: `);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
  });

  it('takes half an answer for none', async () => {
    const { code, stdout, stderr } = await explain(['foo2.east'], [lineOf(events[1]!), '{"id":']);
    expect(stderr).toContain('pogo: answer-broken: ');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});
