/** Holds, altered limits, ramps and freezes from the command line. */
import {
  alterRequestSchema,
  freezeRequestSchema,
  type JobDocument,
  type NamespaceDocument,
  namespaceSchema,
  thawRequestSchema,
} from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { standingSentences, standingText } from '../src/render/standing-text.js';
import { explanationText } from '../src/render/explanation-text.js';
import { json, problem } from './support/answers.js';
import { key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();
const id = 'p0000000012';
const hold = { by: 'grace' };
const freeze = { by: 'grace', note: 'disks are full', atMs: 1000 };
const ramp = { step: 1, steps: 3, waitsFor: 'confirmation', failed: 1, limit: 1, started: 1 } as const;

/** A dispatcher whose job is left running, and looks so in documents. */
async function jobLike(changes: Partial<JobDocument>): Promise<ScriptedDispatcher> {
  const dispatcher: ScriptedDispatcher = await client.dispatcherWith({
    hold: true,
    intercept: ({ method, path }, response) => {
      if (method === 'GET' && [`/v1/jobs/${id}`, '/v1/jobs/last'].includes(path))
        json(response, 200, { ...dispatcher.job, ...changes });
      else if (method === 'POST' && /\/(hold|alter)$/.test(path))
        json(response, 202, { job: { ...dispatcher.job, ...changes }, affected: '', affectedHosts: 0 });
      else if (path.startsWith('/v1/jobs?'))
        json(response, 200, { jobs: [{ ...dispatcher.job, ...changes }] });
      else return false;
      return true;
    },
  });
  const { code } = await client.pogo.run(['run', '-d', '-h', 'web[1-10]', '--identity', key, 'true']);
  expect(code).toBe(0);
  return dispatcher;
}

const text = ({ stdout }: { stdout: Buffer }) => stdout.toString('utf8');

describe('pogo run --ramp', () => {
  it('asks for its steps and its pause, and says them in the plan', async () => {
    const dispatcher = await client.dispatcherWith();
    const args = ['-h', 'web[1-20]', '--identity', key, '--ramp', '1,10%,100%', '--ramp-pause', '5m', 'true'];
    expect((await client.pogo.run(['run', '-d', ...args])).code).toBe(0);
    expect(dispatcher.submitted!.limits.ramp).toEqual({ steps: [1, 2], pauseMs: 300_000 });
    expect(text(await client.pogo.run(['plan', ...args]))).toMatch(
      /ramp +1 host, then 2, then all; 5 min 0 s apart/,
    );
  });

  it.each([
    [['--ramp-pause', '5'], 'give --ramp as well'],
    [['--ramp', '1,x'], '"x" is neither a count from 1 nor a percentage'],
    [['--ramp', ''], 'is neither a count from 1 nor a percentage'],
    [['--ramp', '1', '--ramp-pause', 'never'], '"never" is not a time span'],
  ])('is refused with %j', async (args, says) => {
    await client.dispatcherWith();
    const { code, stderr } = await client.pogo.run(['run', '-h', 'a', '--identity', key, ...args, 'true']);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  });
});

describe('pogo hold', () => {
  it('holds, and says who holds it and what lifts it', async () => {
    const dispatcher = await jobLike({ state: 'held', hold });
    const { code, stderr } = await client.pogo.run(['hold', 'last']);
    expect(dispatcher.requests.at(-1)).toMatchObject({ path: '/v1/jobs/last/hold', body: '{}' });
    expect(stderr).toBe(
      `${id} is held by grace: nothing new starts, what runs goes on; \`pogo resume ${id}\` lifts it\n`,
    );
    expect(code).toBe(0);
    const asJson = await client.pogo.run(['hold', '12', '--json']);
    expect(JSON.parse(text(asJson))).toMatchObject({ job: { state: 'held', hold } });
  });
});

describe('pogo alter', () => {
  const sent = (dispatcher: ScriptedDispatcher) =>
    alterRequestSchema.parse(JSON.parse(dispatcher.requests.at(-1)!.body)).limits;

  it('sends the limits that were named, and says those that are in force', async () => {
    const dispatcher = await jobLike({});
    const { code, stderr } = await client.pogo.run([
      ...['alter', 'last', '--concurrent', '10%', '--max-failures', 'none', '--job-timeout', '2h'],
      ...['--ramp', '5,50%', '--ramp-pause', 'confirm'],
    ]);
    expect(sent(dispatcher)).toEqual({
      concurrent: '10%',
      maxFailures: null,
      jobTimeoutMs: 7_200_000,
      ramp: { steps: ['5', '50%'], pauseMs: null },
    });
    expect(stderr).toBe(
      `${id} has these limits now: at once: no cap of its own; failures: no budget; ramp: none: all hosts may start; job timeout: 30 min 0 s\n`,
    );
    expect(code).toBe(0);
  });

  it('alters the pause of a ramp that there is, and lifts it', async () => {
    const limits = {
      concurrent: null,
      maxFailures: null,
      jobTimeoutMs: 1000,
      ramp: { steps: [1, 4], pauseMs: null },
    };
    const dispatcher = await jobLike({ limits });
    await client.pogo.run(['alter', 'last', '--ramp-pause', '10']);
    expect(sent(dispatcher)).toEqual({ ramp: { steps: ['1', '4'], pauseMs: 10_000 } });
    await client.pogo.run(['alter', 'last', '--ramp', '2,5']);
    expect(sent(dispatcher)).toEqual({ ramp: { steps: ['2', '5'], pauseMs: null } });
    await client.pogo.run(['alter', 'last', '--ramp', 'none']);
    expect(sent(dispatcher)).toEqual({ ramp: null });
  });

  it.each([
    [[], 'no limit is named'],
    [['--ramp-pause', '10'], 'give --ramp as well'],
    [['--concurrent', '0'], 'is neither a count from 1'],
  ])('is refused with %j', async (args, says) => {
    await jobLike({});
    const { code, stderr } = await client.pogo.run(['alter', 'last', ...args]);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  });
});

describe('pogo freeze', () => {
  const slot = {
    ...{ name: 'web@coast=east', app: 'web', type: 'coast', value: 'east' },
    ...{ members: 4, limit: 1, written: '25%', use: 0 },
  };
  const namespace: NamespaceDocument = {
    ...{ name: 'default', version: 1, hosts: 4, stages: [], warnings: [], text: 'apps: {}' },
    frozen: freeze,
    slots: [
      { ...slot, frozen: freeze },
      { ...slot, name: 'web@coast=west' },
    ],
    frozenElsewhere: [{ slot: 'old@coast=east', ...freeze }],
  };
  const frozen = () =>
    client.dispatcherWith({
      intercept: ({ path, body }, response) => {
        if (!path.startsWith('/v1/namespaces/default')) return false;
        if (body.includes('north')) problem(response, 404, 'unknown-slot', 'No such slot.');
        else json(response, 200, namespaceSchema.parse(namespace));
        return true;
      },
    });

  it('freezes the namespace or a slot, and lifts that again', async () => {
    const dispatcher = await frozen();
    const last = () => {
      const { path, body } = dispatcher.requests.at(-1)!;
      return [path.split('/').at(-1), JSON.parse(body) as unknown];
    };
    const all = await client.pogo.run(['freeze', '--note', 'disks are full']);
    expect(last()).toEqual(['freeze', freezeRequestSchema.parse({ note: 'disks are full' })]);
    expect(all.stderr).toMatch(
      /^namespace default is frozen by grace since \S+ \S+ \(disks are full\): nothing new starts there/,
    );
    expect(all.code).toBe(0);
    const one = await client.pogo.run(['freeze', slot.name]);
    expect(last()).toEqual(['freeze', { slot: slot.name }]);
    expect(one.stderr).toContain(`\`pogo freeze --lift ${slot.name}\` lifts it`);
    const lifted = await client.pogo.run(['freeze', '--lift', slot.name]);
    expect(last()).toEqual(['thaw', thawRequestSchema.parse({ slot: slot.name })]);
    expect(lifted.stderr).toBe(`${slot.name} is not frozen any more\n`);
  });

  it('is told who asks for slots', async () => {
    await frozen();
    const { stdout, code } = await client.pogo.run(['ns', 'show', '--slots']);
    expect(
      stdout
        .toString()
        .split('\n')
        .map((line) => line.replace(/since \S+ \S+/, 'since T')),
    ).toEqual([
      'slot            hosts  at once  in use',
      'web@coast=east  4      1 (25%)  0       frozen by grace since T (disks are full)',
      'web@coast=west  4      1 (25%)  0',
      'namespace default is frozen by grace since T (disks are full)',
      'old@coast=east, which is no slot any more, is frozen by grace since T (disks are full)',
      '',
    ]);
    expect(code).toBe(0);
  });

  it('says which slots there are when it is given another, and takes no note when it is lifted', async () => {
    await frozen();
    const unknown = await client.pogo.run(['freeze', 'web@coast=north']);
    expect(unknown.stderr).toContain('`pogo ns show --slots` shows them');
    expect(unknown.code).toBe(2);
    expect((await client.pogo.run(['freeze', '--lift', '--note', 'x'])).code).toBe(2);
  });
});

describe('a job that waits for a person', () => {
  it('is told by status and jobs', async () => {
    await jobLike({ state: 'running', ramp });
    const status = text(await client.pogo.run(['status', 'last']));
    expect(status).toContain(
      `step 1 of 3 of the ramp is over, and 1 host did not succeed: nothing new starts until somebody confirms: \`pogo resume ${id}\` begins the next step`,
    );
    expect(text(await client.pogo.run(['jobs']))).toContain('running (ramp 1/3, waits for confirmation)');
  });

  it('is waited for by a run that follows it, which says so once it is so', async () => {
    const dispatcher: ScriptedDispatcher = await client.dispatcherWith({
      hold: true,
      intercept: ({ method, path }, response) => {
        if (method === 'GET' && path === `/v1/jobs/${id}`) {
          json(response, 200, { ...dispatcher.job, state: 'held', hold });
          setImmediate(() => dispatcher.release());
          return true;
        }
        if (!path.includes('/events') || dispatcher.job.state !== 'running') return false;
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        const event = { id: '3.0', atMs: 1, type: 'job-state', state: 'held', counts: {}, hold };
        response.end(`${JSON.stringify(event)}\n`);
        return true;
      },
    });
    const { code, stderr } = await client.pogo.run(['run', '-h', 'web1', '--identity', key, 'true']);
    expect(stderr).toContain(`${id} is held by grace: nothing new starts`);
    expect(stderr).toContain(`${id} succeeded`);
    expect(code).toBe(0);
  });

  it('is described in a few words and in sentences, whatever it waits for', () => {
    const job = { id, state: 'running' } as const;
    expect(standingText(job)).toBeUndefined();
    expect(standingText({ ...job, state: 'held', hold })).toBe('by grace');
    expect(standingText({ ...job, state: 'needs-credentials', hold })).toBe('held by grace');
    expect(standingText({ ...job, frozen: freeze })).toBe('frozen by grace');
    expect(standingText({ ...job, ramp: { ...ramp, waitsFor: 'hosts' } })).toBe('ramp 1/3');
    expect(standingText({ ...job, ramp: { ...ramp, waitsFor: 'pause' } })).toBe(
      'ramp 1/3, waits for its pause',
    );
    expect(standingSentences({ ...job, ramp: { ...ramp, waitsFor: 'hosts', failed: 0 } })).toEqual([
      'step 1 of 3 of the ramp: 1 of at most 1 hosts have been started',
    ]);
    expect(
      standingSentences({ ...job, frozen: freeze, ramp: { ...ramp, waitsFor: 'pause', failed: 0 } }),
    ).toEqual([
      expect.stringMatching(/^the namespace is frozen by grace since .* \(disks are full\): nothing new/),
      `step 1 of 3 of the ramp is over: the next begins by itself, or with \`pogo resume ${id}\``,
    ]);
  });

  it('is explained host by host', () => {
    const explained = explanationText(
      { hosts: 4, counts: { waiting: 4 } },
      {
        job: id,
        state: 'running',
        waiting: [
          {
            hosts: 'web[1-2]',
            count: 2,
            obstacles: [
              { kind: 'frozen', slot: 'web@coast=east', by: 'grace', atMs: 1000 },
              { kind: 'ramp', step: 1, steps: 3, waitsFor: 'hosts', failed: 0, limit: 1 },
            ],
          },
          {
            hosts: 'web[3-4]',
            count: 2,
            obstacles: [
              { kind: 'ramp', step: 1, steps: 3, waitsFor: 'confirmation', failed: 1, limit: 1 },
              { kind: 'job-state', state: 'held', by: 'grace' },
            ],
          },
        ],
      },
    ).replace(/since \S+ \S+/, 'since T');
    expect(explained.split('\n').slice(1, -1)).toEqual([
      'web[1-2] (2) wait for web@coast=east, which is frozen by grace since T',
      '  and for the host of step 1 of 3 of the ramp',
      'web[3-4] (2) wait for somebody to confirm: step 1 of 3 of the ramp is over, and 1 host did not succeed',
      '  and for the job, which is held by grace',
      `\`pogo resume ${id}\` begins the next step, \`pogo halt ${id}\` ends the job`,
    ]);
  });
});
