/** What jobs would do, over the API: forecasts beside what runs, estimates from what ran, replays of what is over. */
import {
  type JobRequest,
  type PlanResponse,
  planResponseSchema,
  type ReplayRequest,
  type ReplayResponse,
  replayResponseSchema,
} from '@pogo/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import { Cluster, finished, jobRequest, plan, submit } from './support/cluster.js';
import { begin, fail, type Script, succeed } from './support/attempt-scripts.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const file = `
apps:
  frontend: [ 'foo[1-8].{east,west}' ]
  backend: [ 'bar[1-2].{east,west}' ]
  lonely: []
envs:
  coast:
    east: [ '*.east' ]
    west: [ '*.west' ]
constraints:
  coast:
    concurrency: { frontend: 25%, backend: 10% }
    sequence: [ [ backend, frontend ] ]
`;
const apply = (api: ApiClient, text = file) =>
  api.call('/v1/namespaces/default', { method: 'PUT', body: { file: 'prod.yaml', text } });

/** Every command takes so long. */
const lasting =
  (durationMs: number): Script =>
  (attempt) => [
    { ...attempt, event: 'begun' },
    { ...attempt, event: 'started' },
    { ...attempt, event: 'finished', outcome: { state: 'succeeded', exitCode: 0, durationMs } },
  ];

async function forecast(api: ApiClient, targets: string, changes: Partial<JobRequest> = {}) {
  const reply = await api.call('/v1/plans?forecast', { body: jobRequest(targets, changes) });
  if (reply.status !== 200) throw new Error(reply.body.toString());
  const { forecast: foreseen, ...rest } = planResponseSchema.parse(reply.json());
  return { ...rest, forecast: foreseen! };
}
const limits = (concurrent: string | null, jobTimeoutMs = 600_000) => ({
  limits: { concurrent, maxFailures: null, jobTimeoutMs },
});
const named = (name: string) => ({ command: { kind: 'argv' as const, argv: [name] } });

describe('a forecast', () => {
  it('says which hosts start together, and what the others wait for', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher);
    await apply(api);
    const { forecast: foreseen, order, basis, warnings } = await forecast(api, '@coast:east');
    const backend = { kind: 'slot', slot: 'backend@coast=east', use: 1, limit: 1 };
    const frontend = { kind: 'slot', slot: 'frontend@coast=east', use: 2, limit: 2 };
    const before = { kind: 'stage', stage: 'backend@coast=east', pending: 1 };
    expect(foreseen).toMatchObject({ ending: 'succeeded', startedHosts: 10, waveCount: 6, never: [] });
    expect(foreseen.waves.slice(0, 4)).toMatchObject([
      { count: 1, starts: [{ hosts: 'bar1.east', waitedFor: [] }] },
      { count: 1, starts: [{ hosts: 'bar2.east', waitedFor: [backend] }] },
      { count: 2, starts: [{ hosts: 'foo[1-2].east', waitedFor: [before] }] },
      { count: 2, starts: [{ hosts: 'foo[3-4].east', waitedFor: [frontend] }] },
    ]);
    expect(foreseen.waiting).toEqual([
      { hosts: 'bar2.east', count: 1, waitedFor: [backend] },
      { hosts: 'foo[1-2].east', count: 2, waitedFor: [before] },
      { hosts: 'foo[3-8].east', count: 6, waitedFor: [frontend] },
    ]);
    expect(order).toEqual({ firstWave: 'bar1.east', firstWaveHosts: 1, remainingHosts: 9 });
    expect(basis).toMatchObject({
      namespaceVersion: 1,
      slots: [
        { name: 'frontend@coast=east', limit: 2 },
        { name: 'backend@coast=east', limit: 1 },
      ],
    });
    expect(warnings).toEqual([
      expect.stringMatching(/^10% of the 2 hosts of backend@coast=east is less than one/),
      expect.stringContaining('lonely has no host'),
    ]);
  });

  it('counts what other jobs have in use, names what they hold for good, and changes nothing', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: fail });
    await apply(api);
    const failed = await submit(api, jobRequest('foo[1-2].east'));
    await finished(api, failed.id);
    worker.script = begin;
    const running = await submit(api, jobRequest('foo[1-2].west'));
    await worker.until(() => worker.assigned.length === 4);
    const runningNow = async (): Promise<unknown> => (await api.call(`/v1/jobs/${running.id}`)).json();
    await expect.poll(runningNow).toMatchObject({ counts: { running: 2 } });
    const { forecast: foreseen, order, warnings } = await forecast(api, 'foo[5-6].{east,west}');
    expect(foreseen.ending).toBe('stuck');
    expect(order).toEqual({ firstWave: '', firstWaveHosts: 0, remainingHosts: 4 });
    expect(foreseen.waves).toMatchObject([
      { starts: [{ hosts: 'foo[5-6].west', waitedFor: [{ kind: 'slot', use: 2, limit: 2 }] }] },
    ]);
    expect(foreseen.never).toEqual([
      {
        hosts: 'foo[5-6].east',
        count: 2,
        obstacles: [
          {
            kind: 'slot',
            slot: 'frontend@coast=east',
            use: 2,
            limit: 2,
            holders: [{ job: failed.id, running: 0, notWell: 2, hosts: 'foo[1-2].east', more: 0 }],
          },
        ],
      },
    ]);
    expect(warnings).toContain(
      `2 hosts never start (foo[5-6].east): frontend@coast=east has no room, 2 of 2 are in use by ${failed.id}`,
    );
    expect(await runningNow()).toMatchObject({ counts: { running: 2 } });
    expect((await api.call('/v1/jobs')).json()).toMatchObject({
      jobs: [{ id: running.id }, { id: failed.id }],
    });
  });

  it('is made without a worker, too, and says that there is none', async () => {
    const { api } = await cluster.dispatcher({ limits: { workerWaitMs: 1 } });
    const { forecast: foreseen, warnings, recipients } = await forecast(api, 'a[1-3]', limits('2'));
    expect(foreseen.waves).toMatchObject([{ count: 2 }, { count: 1 }]);
    expect(warnings).toEqual(['no worker is connected, so nobody could run the job just now']);
    expect(recipients).toEqual([]);
  });
});

describe('an estimate', () => {
  it('is from earlier attempts of the command, or else of others on the hosts, or unknown', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: lasting(4000) });
    const first = await submit(api, jobRequest('a[1-2]', named('slow')));
    await finished(api, first.id);
    worker.script = lasting(1000);
    const second = await submit(api, jobRequest('b1', named('quick')));
    await finished(api, second.id);

    const ofCommand = await forecast(api, 'c[1-6]', { ...named('slow'), ...limits('3') });
    expect(ofCommand.estimate).toEqual({
      from: 'command',
      attempts: 2,
      jobs: [first.id],
      perHostMs: 4000,
      totalMs: 8000,
      clockMs: 8000,
    });
    expect(ofCommand.forecast.waves.map(({ atMs }) => atMs)).toEqual([0, 4000]);
    const ofHosts = await forecast(api, 'b[1-2]', named('other'));
    expect(ofHosts.estimate).toMatchObject({ from: 'hosts', attempts: 1, jobs: [second.id], totalMs: 1000 });
    const unknown = await forecast(api, 'd1', named('other'));
    expect(unknown.estimate).toEqual({ from: 'unknown', attempts: 0, jobs: [] });
    expect(unknown.forecast.waves[0]).not.toHaveProperty('atMs');
  });

  it('is from archived jobs where no other has it, and warns of a timeout that is too short', async () => {
    const { dispatcher, api } = await cluster.dispatcher({ limits: { endedHosts: 0, archiveEveryMs: 5 } });
    await cluster.worker(dispatcher, { script: lasting(30_000) });
    const job = await submit(api, jobRequest('a[1-2]', named('slow')));
    await finished(api, job.id);
    for (let live = true; live;) {
      const outcome = await dispatcher.leader.read((state) => state.jobs.has(1));
      live = outcome.kind === 'ok' && outcome.answer;
      await new Promise((resolve) => setImmediate(resolve));
    }
    const changes = { ...named('slow'), ...limits('1', 60_000) };
    const { estimate, warnings } = await forecast(api, 'c[1-3]', changes);
    expect(estimate).toMatchObject({ from: 'command', attempts: 2, jobs: [job.id], totalMs: 90_000 });
    expect(warnings).toEqual([
      'the job would take about 90 s and is ended after 60 s: give it a longer --job-timeout',
    ]);
    // Who only wants to submit is told as well, where it matters.
    const brief: PlanResponse = await plan(api, jobRequest('c[1-3]', changes));
    expect(brief.estimate).toMatchObject({ from: 'command', totalMs: 90_000 });
    expect(brief).not.toHaveProperty('forecast');
    const long: PlanResponse = await plan(api, jobRequest('c[1-3]', { ...named('slow'), ...limits('1') }));
    expect(long.estimate).not.toHaveProperty('totalMs');
  });
});

describe('a replay', () => {
  const replay = async (api: ApiClient, id: string, body: ReplayRequest): Promise<ReplayResponse> => {
    const reply = await api.call(`/v1/jobs/${id}/replay`, { body });
    if (reply.status !== 200) throw new Error(reply.body.toString());
    return replayResponseSchema.parse(reply.json());
  };

  it('tells the time and the peaks of an ended job under other limits, beside what happened', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { script: lasting(10_000) });
    await apply(api);
    const job = await submit(api, jobRequest('foo[1-8].east'));
    await finished(api, job.id);
    const answer = await replay(api, job.id, {
      constraints: [{ type: 'coast', app: 'frontend', limit: '50%' }],
    });
    const slot = 'frontend@coast=east';
    expect(answer).toMatchObject({
      job: job.id,
      hosts: 8,
      assumedHosts: 0,
      observed: { peak: 2, peaks: [{ slot, peak: 2 }] },
      unchanged: { ending: 'succeeded', totalMs: 40_000, peak: 2, peaks: [{ slot, peak: 2, limit: 2 }] },
      changed: { ending: 'succeeded', totalMs: 20_000, peak: 4, peaks: [{ slot, peak: 4, limit: 4 }] },
    });
    const free = await replay(api, job.id, {
      constraints: [{ type: 'coast', app: 'frontend', limit: 'none' }],
      concurrent: '1',
    });
    expect(free.changed).toMatchObject({ totalMs: 80_000, peak: 1, peaks: [] });
    expect(await replay(api, job.id, {})).not.toHaveProperty('changed');
  });

  it('has hosts that failed fail again, and hosts that never started succeed', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, {
      script: (attempt) => [
        { ...attempt, event: 'begun' },
        {
          ...attempt,
          event: 'finished',
          outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 1, durationMs: 5000 },
        },
      ],
    });
    await apply(api);
    const job = await submit(api, jobRequest('foo[1-8].east'));
    expect(await finished(api, job.id)).toMatchObject({ state: 'deadlocked' });
    const answer = await replay(api, job.id, {
      constraints: [{ type: 'coast', app: 'frontend', limit: '3' }],
    });
    expect(answer).toMatchObject({
      assumedHosts: 6,
      unchanged: { ending: 'deadlocked', startedHosts: 2, never: 'foo[3-8].east' },
      changed: { ending: 'failed', startedHosts: 8, never: '' },
    });
  });

  it('is refused of a job that runs, that is not there, or under limits that are none', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: begin });
    await apply(api);
    const running = await submit(api, jobRequest('foo1.east'));
    const refused = async (id: string, body: unknown) => {
      const reply = await api.call(`/v1/jobs/${id}/replay`, { body });
      return { status: reply.status, ...(reply.json() as { type: string; detail: string }) };
    };
    expect(await refused(running.id, {})).toMatchObject({
      status: 409,
      type: 'urn:pogo:problem:job-running',
    });
    expect(await refused('99', {})).toMatchObject({ status: 404 });
    await worker.until(() => worker.assigned.length === 1);
    await worker.report(succeed(worker.assigned[0]!, worker).slice(2));
    await finished(api, running.id);
    expect(await refused(running.id, {})).toMatchObject({ type: 'urn:pogo:problem:nothing-to-do' });
    worker.script = lasting(1000);
    const ended = await submit(api, jobRequest('foo2.east'));
    await finished(api, ended.id);
    const change = (type: string, app: string, limit: string) => ({ constraints: [{ type, app, limit }] });
    for (const [body, says] of [
      [change('coast', 'fronted', '1'), 'the namespace has no app fronted'],
      [change('cost', 'frontend', '1'), 'the namespace has no environment type cost'],
      [change('coast', 'frontend', '101%'), '101% is more than 100%'],
      [{ concurrent: '0' }, '0 allows no host at all'],
      [{ concurrent: 'many' }, 'concurrent'],
    ] as const) {
      const answer = await refused(ended.id, body);
      expect(answer.status).toBe(400);
      expect(answer.detail).toContain(says);
    }
  });
});
