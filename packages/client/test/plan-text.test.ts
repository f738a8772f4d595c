/** What `pogo plan` shows of the order of hosts, and what an estimate keeps from being run. */
import type { PlanResponse } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { key, useClient } from './support/client.js';

const client = useClient();
const east = { kind: 'slot' as const, slot: 'frontend@coast=east', use: 25, limit: 25 };
const stage = { kind: 'stage' as const, stage: 'backend@coast=east', pending: 1 };
const wave = (atMs: number, hosts: string, count: number, ...waitedFor: (typeof east | typeof stage)[]) => ({
  atMs,
  count,
  starts: [{ hosts, count, waitedFor }],
  full: [],
});

function rollout(plan: PlanResponse): void {
  plan.estimate = {
    from: 'command',
    attempts: 12,
    jobs: ['p0000000003'],
    perHostMs: 60_000,
    totalMs: 300_000,
  };
  plan.order = { firstWave: 'bar1', firstWaveHosts: 1, remainingHosts: 101 };
  plan.forecast = {
    ending: 'succeeded',
    startedHosts: 102,
    waves: [
      wave(0, 'bar1', 1),
      wave(60_000, 'foo[1-25]', 25, stage),
      wave(120_000, 'foo[26-50]', 25, east),
      wave(180_000, 'foo[51-75]', 25, east),
      wave(240_000, 'foo[76-101]', 26, east),
    ],
    waveCount: 5,
    waiting: [],
    never: [],
    peaks: [],
  };
}

async function plan(alterPlan: (plan: PlanResponse) => void, ...args: string[]) {
  await client.dispatcherWith({ alterPlan });
  const { code, stdout } = await client.pogo.run(['plan', '-h', 'bar1,foo[1-101]', ...args, 'true']);
  return { code, stdout: stdout.toString('utf8') };
}

describe('pogo plan', () => {
  it('has one line for the waves that wait for the same', async () => {
    const { stdout } = await plan(rollout);
    expect(stdout).toContain(
      [
        'wave  after                   hosts  which        waited for',
        '1     0 s                     1      bar1         nothing',
        '2     1 min 0 s               25     foo[1-25]    backend@coast=east to be done',
        '3-5   2 min 0 s to 4 min 0 s  76     foo[26-101]  frontend@coast=east 25/25',
      ].join('\n'),
    );
    expect(stdout).toMatch(/^then +101 more, in 4 waves$/m);
    expect(stdout).toMatch(
      /^estimate +about 5 min 0 s: 1 min 0 s a host, the mean of 12 earlier attempts of this command \(p0000000003\)$/m,
    );
  });

  it('has a line for each host where that is asked for', async () => {
    const { stdout } = await plan(rollout, '--per-host');
    expect(stdout).toMatch(/^foo26 +3 +2 min 0 s +frontend@coast=east 25\/25$/m);
    expect(stdout.match(/^(foo|bar)\d+ /gm)).toHaveLength(102);
  });

  it('says that it does not know how long it takes', async () => {
    const { stdout } = await plan(() => undefined);
    expect(stdout).toMatch(/^estimate +unknown: neither this command nor another one/m);
    expect(stdout).toMatch(/^wave +hosts +which +waited for\n1 +102 +bar1,foo\[1-101\] +nothing$/m);
  });

  it('has all of it as JSON', async () => {
    const { stdout } = await plan(rollout, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ forecast: { waveCount: 5 }, estimate: { totalMs: 300_000 } });
  });
});

describe('pogo run', () => {
  const slow = (from: 'command' | 'hosts') => (plan: PlanResponse) => {
    plan.estimate = { from, attempts: 7, jobs: [], perHostMs: 60_000, totalMs: 70_000, clockMs: 61_000 };
  };
  const run = (timeout: string, ...args: string[]) =>
    client.pogo.run([
      'run',
      '-d',
      '-h',
      'web1',
      '--identity',
      key,
      '--job-timeout',
      timeout,
      ...args,
      'true',
    ]);

  it('refuses a job that is known to outlast its timeout, unless somebody wants it so', async () => {
    const dispatcher = await client.dispatcherWith({ alterPlan: slow('command') });
    const { code, stderr } = await run('60');
    expect(stderr).toContain(
      'pogo: job-timeout-too-short: the job would take about 61 s, as 7 earlier attempts of its command show',
    );
    expect(code).toBe(2);
    expect(dispatcher.submitted).toBeUndefined();
    expect((await run('60', '--ignore-estimate')).code).toBe(0);
  });

  it('goes by the same command only, and by a timeout that is long enough', async () => {
    await client.dispatcherWith({ alterPlan: slow('hosts') });
    expect((await run('60')).code).toBe(0);
    await client.dispatcherWith({ alterPlan: slow('command') });
    expect((await run('62')).code).toBe(0);
  });
});
