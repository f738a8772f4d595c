/** `pogo workers`: who they are, and letting one run empty. */
import type { DrainResponse, WorkerDocument, WorkerList } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { json, problem } from './support/answers.js';
import { useClient } from './support/client.js';

const client = useClient();
const drain = { by: 'ada', note: 'new kernel', atMs: 1_700_000_000_000 };
const [one, two, three]: WorkerDocument[] = [
  {
    name: 'worker-1',
    state: 'connected',
    version: '0.1.0',
    capacity: 100,
    pools: ['east', 'dmz'],
    keyId: `sha256:0123456789abcdef${'0'.repeat(48)}`,
    assigned: 3,
  },
  {
    name: 'worker-2',
    state: 'away',
    awaySinceMs: 1_700_000_000_000,
    version: '0.1.0',
    capacity: 50,
    pools: [],
    assigned: 2,
    drain,
  },
  { name: 'worker-3', state: 'lost', assigned: 0, drain: { ...drain, notIn: ['west'] } },
];

/** A dispatcher with these workers; each list that is asked for is the next one. */
function withWorkers(lists: readonly WorkerDocument[][], answer?: DrainResponse) {
  const left = [...lists];
  return client.dispatcherWith({
    intercept: ({ method, path }, response) => {
      if (!path.startsWith('/v1/workers')) return false;
      if (method === 'GET') {
        const workers = left.length > 1 ? left.shift()! : left[0]!;
        json(response, 200, { workers, lostAfterMs: 60_000 } satisfies WorkerList);
      } else if (answer === undefined) problem(response, 404, 'unknown-worker', 'No such worker.');
      else json(response, 200, answer);
      return true;
    },
  });
}

describe('pogo workers', () => {
  it('shows each worker with what it takes and has, when it is lost, and who drained it', async () => {
    await withWorkers([[one!, two!, three!]]);
    const { code, stdout } = await client.pogo.run(['workers'], { env: { TZ: 'UTC' } });
    expect(stdout.toString().split('\n')).toEqual([
      expect.stringMatching(/^worker +version +state +in use +pools +key$/),
      expect.stringMatching(/^worker-1 +0\.1\.0 +connected +3 of 100 +east,dmz +0123456789ab$/),
      expect.stringMatching(
        /^worker-2 +0\.1\.0 +away since 2023-11-14 22:13:20 \(lost after 1 min 0 s\) +2 of 50 +draining by ada since 2023-11-14 22:13:20 \(new kernel\): 2 left$/,
      ),
      expect.stringMatching(
        /^worker-3 +lost +0 +draining by ada since 2023-11-14 22:13:20 \(new kernel\): empty; not in west$/,
      ),
      '',
    ]);
    expect(code).toBe(0);
    const listed = await client.pogo.run(['workers', '--json']);
    expect(JSON.parse(listed.stdout.toString())).toEqual({ workers: [one, two, three], lostAfterMs: 60_000 });
  });

  it('says that jobs wait where none was ever connected', async () => {
    await withWorkers([[]]);
    expect(await client.pogo.run(['workers'])).toMatchObject({
      code: 0,
      stderr: 'no worker was ever connected: jobs wait until one is\n',
    });
  });
});

describe('pogo workers drain', () => {
  it('says what the worker has left, and how to end it', async () => {
    const dispatcher = await withWorkers([[]], { worker: { ...one!, drain }, untold: [] });
    const { code, stdout, stderr } = await client.pogo.run([
      'workers',
      'drain',
      'worker-1',
      '--note',
      'new kernel',
    ]);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('it gets no further host, and has 3 hosts left');
    expect(stderr).toContain('`pogo workers drain worker-1 --off` ends this');
    expect(dispatcher.requests).toMatchObject([
      { method: 'POST', path: '/v1/workers/worker-1/drain', body: '{"note":"new kernel"}' },
    ]);
  });

  it('waits until the worker is empty, and says that it is', async () => {
    const draining = (assigned: number) => ({ ...one!, assigned, drain });
    const dispatcher = await withWorkers([[draining(1)], [draining(0)]], {
      worker: draining(3),
      untold: [],
    });
    const { code, stdout, stderr } = await client.pogo.run([
      'workers',
      'drain',
      'worker-1',
      '--wait',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(stderr).toContain('worker-1 has no host left: it can be stopped\n');
    expect(JSON.parse(stdout.toString())).toEqual({ worker: draining(0), untold: [] });
    expect(dispatcher.requests.filter(({ method }) => method === 'GET')).toHaveLength(2);
  });

  it('stops waiting when somebody gives the worker hosts again', async () => {
    await withWorkers([[one!]], { worker: { ...one!, drain }, untold: [] });
    const { code, stderr } = await client.pogo.run(['workers', 'drain', 'worker-1', '--wait']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('pogo: drain-lifted: ') as string]);
  });

  it('is not done where a namespace could not be told', async () => {
    await withWorkers([[]], { worker: { ...one!, drain }, untold: ['west'] });
    const { code, stderr } = await client.pogo.run(['workers', 'drain', 'worker-1']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('pogo: not-everywhere: west could not be told') as string,
    ]);
  });

  it('is ended by --off', async () => {
    const dispatcher = await withWorkers([[]], { worker: one!, untold: [] });
    const { code, stderr } = await client.pogo.run(['workers', 'drain', 'worker-1', '--off']);
    expect([code, stderr]).toEqual([0, 'worker-1 is not being drained any more: it gets hosts again\n']);
    expect(dispatcher.requests).toMatchObject([{ path: '/v1/workers/worker-1/undrain', body: '{}' }]);
  });

  it.each([
    [['workers', 'drain'], 'pogo workers takes nothing, or drain NAME'],
    [['workers', 'stop', 'worker-1'], 'pogo workers takes nothing, or drain NAME'],
    [['workers', '--off'], 'options of pogo workers drain NAME only'],
    [['workers', 'drain', 'worker-1', '--off', '--wait'], '--off'],
    [['workers', 'drain', 'worker-9'], 'No such worker.'],
  ])('refuses %j', async (args, text) => {
    await withWorkers([[]]);
    const { code, stderr } = await client.pogo.run(args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(text) as string]);
  });
});
