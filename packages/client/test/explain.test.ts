/** `pogo explain`: what hosts of a job wait for. */
import { type Explanation, explanationSchema, type JobDocument } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { explanationText } from '../src/render/explanation-text.js';
import { json, problem } from './support/answers.js';
import { key, useClient } from './support/client.js';

const client = useClient();
const p = (number: number) => `p${String(number).padStart(10, '0')}`;

type Waiting = Explanation['waiting'];
type Answer = { waiting: Waiting } | { code: string };

/** A job that waits, and a dispatcher that explains it so. */
async function explain(answer: Answer, options: { hold?: boolean; args?: string[] } = {}) {
  const dispatcher = await client.dispatcherWith({
    hold: options.hold ?? true,
    intercept: (request, response) => {
      if (request.path !== `/v1/jobs/${p(12)}/explanation`) return false;
      const { id, state } = dispatcher.job;
      if ('waiting' in answer) json(response, 200, explanationSchema.parse({ job: id, state, ...answer }));
      else problem(response, 409, answer.code, 'It has ended and is archived.');
      return true;
    },
  });
  const args = options.hold === false ? [] : ['-d'];
  await client.pogo.run(['run', ...args, '-h', 'foo[1-8].east', '--identity', key, 'true']);
  const { code, stdout, stderr } = await client.pogo.run(['explain', 'last', ...(options.args ?? [])]);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

const waiting: Waiting = [
  {
    hosts: 'foo[1-8].east',
    count: 8,
    obstacles: [
      { kind: 'stage', stage: 'backend@coast=east', pending: 2, failed: 1 },
      { kind: 'own-cap', concurrent: 1, disturbed: 1 },
    ],
  },
  {
    hosts: 'bar2.east',
    count: 1,
    obstacles: [
      {
        kind: 'slot',
        slot: 'backend@coast=east',
        use: 1,
        limit: 1,
        holders: [{ job: p(3), running: 1, notWell: 0, hosts: 'bar1.east', more: 0 }],
      },
    ],
  },
];

describe('pogo explain', () => {
  it('says for each group of hosts what they wait for', async () => {
    const { code, stdout, stderr } = await explain({ waiting });
    expect(stderr).toBe('');
    const [first, ...lines] = stdout.split('\n');
    expect(first).toMatch(/^p0000000012 running {2}8 hosts: /);
    expect(lines).toEqual([
      'foo[1-8].east (8) wait for 2 hosts of backend@coast=east that are not done, 1 of them failed',
      "  and for room in the job's own limit: 1 of 1 in use",
      'bar2.east waits for room in backend@coast=east: 1 of 1 in use, by p0000000003 (1 running: bar1.east)',
      '',
    ]);
    expect(code).toBe(0);
  });

  it('is the document for --json', async () => {
    const { code, stdout } = await explain({ waiting }, { args: ['--json'] });
    expect(JSON.parse(stdout)).toEqual({ job: p(12), state: 'running', waiting });
    expect(code).toBe(0);
  });

  it('says where nothing waits, and what the job does', async () => {
    const { code, stdout } = await explain({ waiting: [] });
    expect(stdout).toMatch(/^p0000000012 running {2}8 hosts: .*\nnone of its hosts waits for anything\n$/);
    expect(code).toBe(0);
  });

  it('says of an archived job how it ended', async () => {
    const ended = await explain({ code: 'job-ended' }, { hold: false });
    expect(ended).toEqual({
      code: 0,
      stdout: 'p0000000012 succeeded  8 hosts: 8 succeeded\nnone of its hosts waits for anything\n',
      stderr: '',
    });
  });

  it('hides no other answer behind that', async () => {
    const { code, stdout, stderr } = await explain({ code: 'job-ended' });
    expect(stderr).toBe('pogo: job-ended: It has ended and is archived.\n');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it('knows no job of another number', async () => {
    await client.dispatcherWith();
    const { code, stderr } = await client.pogo.run(['explain', '7']);
    expect(stderr).toContain('pogo: unknown-job: ');
    expect(code).toBe(2);
  });
});

describe('what a host waits for', () => {
  type Obstacle = Waiting[number]['obstacles'][number];
  const job: Pick<JobDocument, 'hosts' | 'counts'> = { hosts: 1, counts: { waiting: 1 } };
  const said = (obstacle: Obstacle, state: Explanation['state'] = 'running') =>
    explanationText(job, { job: p(1), state, waiting: [{ hosts: 'w1', count: 1, obstacles: [obstacle] }] })
      .split('\n')
      .slice(1, -1);

  it.each<[obstacle: Obstacle, says: string]>([
    [
      { kind: 'stage', stage: 'db@x=y', pending: 1, failed: 0 },
      'w1 waits for 1 host of db@x=y that is not done',
    ],
    [
      { kind: 'stage', stage: 'db@x=y', pending: 1, failed: 1 },
      'w1 waits for 1 host of db@x=y that is not done: it failed',
    ],
    [
      { kind: 'stage', stage: 'db@x=y', pending: 3, failed: 0 },
      'w1 waits for 3 hosts of db@x=y that are not done',
    ],
    [
      {
        kind: 'slot',
        slot: 'db@x=y',
        use: 5,
        limit: 4,
        holders: [
          { job: p(3), running: 1, notWell: 2, hosts: 'w[2-4]', more: 0 },
          { job: p(4), running: 0, notWell: 2, hosts: 'w5', more: 1 },
        ],
      },
      'w1 waits for room in db@x=y: 5 of 4 in use, by p0000000003 (1 running, 2 not well: w[2-4]), p0000000004 (2 not well: w5 and 1 more)',
    ],
    [
      { kind: 'slot', slot: 'db@x=y', use: 1, limit: 1, holders: [] },
      'w1 waits for room in db@x=y: 1 of 1 in use',
    ],
    [{ kind: 'busy', jobs: [p(3)] }, 'w1 waits until p0000000003 is done there, or known to be'],
    [
      { kind: 'busy', jobs: [p(3), p(4)] },
      'w1 waits until p0000000003, p0000000004 are done there, or known to be',
    ],
    [{ kind: 'worker' }, 'w1 waits for a worker with room'],
    [
      { kind: 'worker', declining: ['w-1', 'w-2'] },
      'w1 waits for a worker with room: w-1, w-2 have refused hosts of this job, and get some again in a while',
    ],
    [
      { kind: 'worker', draining: ['w-1'] },
      'w1 waits for a worker with room; w-1 is being drained, and gets none: `pogo workers drain w-1 --off` ends that',
    ],
    [{ kind: 'pool', connected: 0 }, 'w1 waits for a worker: none is connected'],
    [
      { kind: 'pool', pool: 'east', connected: 1 },
      "w1 waits for a worker of pool east that can open the job's credentials: the one that is connected can't; `pogo resume` asks for them again, and seals for it",
    ],
    [
      { kind: 'pool', connected: 2 },
      "w1 waits for a worker that can open the job's credentials: none of the 2 that are connected can; `pogo resume` asks for them again, and seals for these",
    ],
    [{ kind: 'job-state', state: 'held' }, 'w1 waits for the job, which is held'],
    [
      { kind: 'slot', slot: '\u001b]0;x\u0007', use: 1, limit: 1, holders: [] },
      'w1 waits for room in ^[]0;x^G: 1 of 1 in use',
    ],
  ])('%j', (obstacle, says) => {
    expect(said(obstacle)[0]).toBe(says);
  });

  it.each([
    [[1], 'p0000000001', 'p0000000001'],
    [[1, 2], 'JOB', 'JOB'],
  ])('says how places come free that hosts hold which are not well, of jobs %j', (jobs, retry, release) => {
    const holder = (notWell: number) => (job: number) => {
      return { job: p(job), running: 1 - notWell, notWell, hosts: 'w2', more: 0 };
    };
    const slot = { kind: 'slot' as const, slot: 'db@x=y', use: 1, limit: 1 };
    expect(said({ ...slot, holders: jobs.map(holder(0)) })).toHaveLength(1);
    expect(said({ ...slot, holders: jobs.map(holder(1)) })[1]).toBe(
      `what is not well keeps its place until \`pogo retry ${retry}\` succeeds there, or \`pogo release ${release} EXPR\` says that it is well; what waits for it waits until then, or until its own job timeout`,
    );
  });

  it('is nothing any more in a job that was deadlocked: what held it up is said, and what to do', () => {
    const deadlock: Explanation['deadlock'] = [
      {
        ...{ kind: 'slot', slot: 'frontend@coast=east', use: 25, limit: 25, waiting: 76 },
        holders: [
          { job: p(1), count: 12, hosts: 'foo[1-12].east', more: 0 },
          { job: p(2), count: 13, hosts: 'foo13.east', more: 12 },
        ],
      },
      { kind: 'stage', stage: 'db@x=y', waiting: 1, count: 1, hosts: 'db1', more: 0 },
    ];
    const text = explanationText(job, { job: p(1), state: 'deadlocked', deadlock, waiting: [] });
    expect(text.split('\n').slice(1)).toEqual([
      'it has ended, since nothing that it waited for could come by itself:',
      '  76 hosts wait for frontend@coast=east 25/25: foo[1-12].east, foo13.east and 12 more of p0000000002',
      '  1 host waits for db@x=y, where db1 did not succeed',
      expect.stringContaining('`pogo retry p0000000001` tries again there') as string,
      '',
    ]);
  });

  it('has advice where credentials are missing', () => {
    const lines = said({ kind: 'job-state', state: 'needs-credentials' }, 'needs-credentials');
    expect(lines[0]).toBe('w1 waits for the job, which is needs-credentials');
    expect(lines[1]).toContain('`pogo resume p0000000001` asks for them again');
  });
});
