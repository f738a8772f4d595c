import { jobListSchema, namespaceListSchema, type JobRequest, namespaceSchema } from '@pogo/protocol';
import { MemoryBacking, type Store } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import { Cluster, finished, jobRequest, plan, sealFor, submit } from './support/cluster.js';
import { begin, succeed } from './support/attempt-scripts.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

/** Web servers, of which only so many may be disturbed at once. */
const webFile = (hosts: string, limit: number) => `
apps: { web: ['${hosts}'] }
envs: { site: { all: ['@web'] } }
constraints: { site: { concurrency: { web: ${limit} } } }
`;

const apply = (api: ApiClient, name: string, text: string, headers: Record<string, string> = {}) =>
  api.call(`/v1/namespaces/${name}`, { method: 'PUT', body: { file: 'web.yaml', text }, headers });
const make = (api: ApiClient, name: string, text: string) => apply(api, name, text, { 'if-none-match': '*' });
const inEast = (targets: string, changes: Partial<JobRequest> = {}) =>
  jobRequest(targets, { namespace: 'east', ...changes });
const idsOf = async (api: ApiClient, path: string) => {
  const { jobs, nextCursor } = jobListSchema.parse((await api.call(path)).json());
  return { ids: jobs.map(({ id }) => id), nextCursor };
};

describe('a namespace', () => {
  it('is made by its first file, when that is said to be meant; a slip of the pen makes none', async () => {
    const { api } = await cluster.dispatcher();
    const slip = await apply(api, 'east', webFile('e[1-4]', 1));
    expect(slip.status).toBe(404);
    expect(slip.json()).toMatchObject({
      type: 'urn:pogo:problem:unknown-namespace',
      detail: expect.stringMatching(/no namespace "east".*only default.*--create/) as string,
    });
    expect((await make(api, 'east', webFile('e[1-4]', 0))).status).toBe(422);
    expect((await make(api, 'East!', webFile('e[1-4]', 1))).status).toBe(400);
    expect((await api.call('/v1/namespaces/east')).status).toBe(404);

    expect((await make(api, 'east', webFile('e[1-4]', 1))).status).toBe(200);
    const again = await make(api, 'east', webFile('e[1-4]', 2));
    expect(again.status).toBe(412);
    expect((await apply(api, 'east', webFile('e[1-4]', 2), { 'if-match': '"1"' })).status).toBe(200);
    const shown = namespaceSchema.parse((await api.call('/v1/namespaces/east')).json());
    expect(shown).toMatchObject({ name: 'east', version: 2, hosts: 4 });
    const list = namespaceListSchema.parse((await api.call('/v1/namespaces')).json());
    expect(list.namespaces).toEqual([
      { name: 'default', isLed: true, version: 0, hosts: 0, openJobs: 0 },
      { name: 'east', isLed: true, version: 2, hosts: 4, openJobs: 0 },
    ]);
  });

  it('that does not exist takes no job, and the answer says which there are', async () => {
    const { api } = await cluster.dispatcher();
    const plan = await api.call('/v1/plans', { body: inEast('h1') });
    expect(plan.status).toBe(404);
    expect(plan.json()).toMatchObject({
      type: 'urn:pogo:problem:unknown-namespace',
      errors: [{ path: 'namespace', message: expect.stringContaining('default') as string }],
    });
    expect((await api.call('/v1/jobs?namespace=east')).status).toBe(404);
    expect((await api.call('/v1/jobs/p0100000001')).status).toBe(404);
  });

  it('made while workers are connected is theirs at once, and numbers its jobs by itself', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { script: succeed });
    await make(api, 'east', webFile('e[1-4]', 1));
    const job = await submit(api, inEast('e[1-2]'));
    expect(job).toMatchObject({ id: 'p0100000001', namespace: 'east' });
    await finished(api, job.id);
    expect((await submit(api, jobRequest('h1'))).id).toBe('p0000000001');
    expect((await submit(api, inEast('e3'))).id).toBe('p0100000002');
    // Its one connection heard of both leaders.
    expect(worker.leads.map(({ namespace }) => namespace)).toEqual([0, 1]);
  });

  it('has limits, freezes and versions of its own', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await apply(api, 'default', webFile('d[1-4]', 2));
    await make(api, 'east', webFile('e[1-4]', 1));
    const worker = await cluster.worker(dispatcher, { script: begin });
    await submit(api, jobRequest('@web'));
    await submit(api, inEast('@web'));
    await worker.until(() => worker.assigned.length === 3);
    expect(worker.assigned.map(({ job }) => job).sort((a, b) => a - b)).toEqual([1, 1, 100_000_001]);
    await api.call('/v1/namespaces/east/freeze', { body: {} });
    const frozen = async (name: string) =>
      namespaceSchema.parse((await api.call(`/v1/namespaces/${name}`)).json()).frozen;
    expect(await frozen('east')).toMatchObject({ by: 'ada' });
    expect(await frozen('default')).toBeUndefined();
    worker.script = succeed;
    await worker.report(worker.assigned.slice(0, 3).flatMap((attempt) => succeed(attempt, worker)));
    await finished(api, 'p1');
    expect(worker.assigned.filter(({ job }) => job > 1)).toHaveLength(1);
  });
});

describe('jobs of several namespaces', () => {
  it('are listed together by time, page by page, or those of one', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await make(api, 'east', webFile('e[1-9]', 9));
    await make(api, 'west', webFile('w[1-9]', 9));
    await cluster.worker(dispatcher, { script: succeed });
    const order: string[] = [];
    for (const namespace of ['default', 'east', 'east', 'default', 'west', 'east', 'default', 'west']) {
      const targets = namespace === 'default' ? 'h1' : `${namespace[0]!}1`;
      const { id } = await submit(api, jobRequest(targets, { namespace }));
      await finished(api, id);
      order.unshift(id);
    }
    expect((await idsOf(api, '/v1/jobs')).ids).toEqual(order);
    const paged: string[] = [];
    for (let path: string | undefined = '/v1/jobs?limit=3'; path !== undefined;) {
      const { ids, nextCursor }: { ids: string[]; nextCursor: string | undefined } = await idsOf(api, path);
      expect(ids.length).toBeLessThanOrEqual(3);
      paged.push(...ids);
      path = nextCursor === undefined ? undefined : `/v1/jobs?limit=3&cursor=${nextCursor}`;
    }
    expect(paged).toEqual(order);
    expect((await idsOf(api, '/v1/jobs?namespace=east&limit=2')).ids).toEqual(['p0100000003', 'p0100000002']);
    expect((await api.call('/v1/jobs?cursor=nothing')).status).toBe(400);
    const last = async (query: string) =>
      ((await api.call(`/v1/jobs/last${query}`)).json() as { id: string }).id;
    expect(await last('')).toBe(order[0]);
    expect(await last('?namespace=east')).toBe('p0100000003');
    expect(await last('?namespace=default')).toBe('p0000000003');
  });

  it('share a worker: none has it all while another has work', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await make(api, 'east', webFile('e[1-9]', 9));
    const worker = await cluster.worker(dispatcher, { script: begin, capacity: 4 });
    const assignedIn = (from: number) =>
      worker.assigned.filter(({ job }) => job >= from && job < from + 100).length;
    await submit(api, jobRequest('h[1-9]'));
    await worker.until(() => assignedIn(1) === 4);
    await submit(api, inEast('e[1-9]'));
    await worker.until(() => assignedIn(100_000_001) === 2);
    // Room that one frees goes to the other, until each has its half.
    await worker.report(worker.assigned.slice(0, 4).flatMap((attempt) => succeed(attempt, worker)));
    await worker.until(() => assignedIn(1) === 6);
    expect(assignedIn(100_000_001)).toBe(2);
  });

  it('are all there after a restart, each in its namespace, and go on', async () => {
    const backing = new MemoryBacking();
    const store = backing.openHandle();
    const first = await cluster.dispatcher({ store, limits: { snapshotEveryEntries: 5 } });
    await apply(first.api, 'default', webFile('d[1-4]', 2));
    await make(first.api, 'east', webFile('e[1-4]', 4));
    const worker = await cluster.worker(first.dispatcher, { script: succeed });
    await finished(first.api, (await submit(first.api, inEast('e1'))).id);
    worker.script = begin;
    await submit(first.api, jobRequest('d[1-2]'));
    await submit(first.api, inEast('e[1-2]'));
    await worker.until(() => worker.assigned.length === 5);
    const held = worker.assigned.slice(1);
    await worker.stop();
    await first.stop();

    const second = await cluster.dispatcher({ store, name: 'dispatcher-2' });
    const back = await cluster.worker(second.dispatcher, { held, incarnation: 'second' });
    await back.until(() => back.leads.length >= 2);
    await back.report(held.flatMap((attempt) => succeed(attempt, back)));
    for (const id of ['p0000000001', 'p0100000002'])
      expect(await finished(second.api, id)).toMatchObject({ id, state: 'succeeded' });
    expect(back.assigned).toEqual([]);
    expect((await submit(second.api, inEast('e3'))).id).toBe('p0100000003');
    const versions = (await second.api.call('/v1/namespaces')).json() as { namespaces: object[] };
    expect(versions.namespaces).toMatchObject([
      { name: 'default', version: 1, hosts: 4 },
      { name: 'east', version: 1, hosts: 4 },
    ]);
    await second.stop();
    await store.close();
  });
});

describe('namespaces of several dispatchers', () => {
  it('are led by the same one, so that files, and jobs with hosts that no namespace has, are taken at each', async () => {
    const backing = new MemoryBacking();
    const one = await cluster.dispatcher({ store: backing.openHandle(), name: 'one' });
    await one.dispatcher.leader.leading();
    await make(one.api, 'east', webFile('e[1-4]', 1));
    const two = await cluster.dispatcher({ store: backing.openHandle(), name: 'two' });
    await two.dispatcher.leader.serving();
    await cluster.worker(one.dispatcher, { script: succeed });
    // Linked to one that doesn't lead yet.
    const worker = cluster.worker(two.dispatcher, { script: succeed });
    const leads = async (api: ApiClient) =>
      namespaceListSchema.parse((await api.call('/v1/namespaces')).json()).namespaces;
    const worksEverywhere = async (version: number) => {
      for (const { api } of [one, two]) {
        const hosts = `e[1-${4 + version}]`;
        await expect
          .poll(async () => (await apply(api, 'east', webFile(hosts, version))).status, { timeout: 20_000 })
          .toBe(200);
        expect(await finished(api, (await submit(api, jobRequest('stranger'))).id)).toMatchObject({
          state: 'succeeded',
        });
        const foreign = await api.call('/v1/plans', { body: jobRequest('e1') });
        expect(foreign.json()).toMatchObject({ type: 'urn:pogo:problem:host-of-another-namespace' });
      }
    };
    await worksEverywhere(1);
    // The lease of one namespace alone comes back to who leads the others.
    backing.expireLease('east');
    await worksEverywhere(2);
    expect(await leads(one.api)).toMatchObject([{ isLed: true }, { isLed: true }]);
    backing.expireLease('default');
    await two.dispatcher.leader.leading();
    await worksEverywhere(3);
    const both = [one, two].map(({ api }) => leads(api));
    expect((await worker).refusals).toEqual([]);
    expect(await Promise.all(both)).toMatchObject([
      [{ name: 'default' }, { name: 'east' }],
      [
        { name: 'default', isLed: true },
        { name: 'east', isLed: true },
      ],
    ]);
  });
});

/** Between the check of a file and its entry in the log others have their turn, many times. */
function slowToWrite(store: Store): Store {
  const { documents, leadership } = store;
  return {
    documents: {
      get: (key) => documents.get(key),
      put: async (key, value, expected) => {
        for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
        return documents.put(key, value, expected);
      },
      delete: (key, expected) => documents.delete(key, expected),
      list: (prefix) => documents.list(prefix),
      watch: (prefix, signal) => documents.watch(prefix, signal),
    },
    leadership,
    log: (name) => store.log(name),
    describe: () => store.describe(),
    close: () => store.close(),
  };
}

describe('a host', () => {
  const problemOf = (reply: { json: () => never }) =>
    reply.json() as { type: string; detail: string; errors: { path: string; message: string }[] };

  it('of another namespace is refused with file, line and reason, and the version in force stays', async () => {
    const { api } = await cluster.dispatcher();
    await apply(api, 'default', webFile('d[1-4]', 2));
    await make(api, 'east', `${webFile('e[1-4]', 1)}aliases: { e1: [ 10.0.0.1 ] }\n`);
    const wrong = await apply(
      api,
      'default',
      "apps:\n  web: ['d[1-4]']\n  db:\n    - 'd9'\n    - 'd[5-8],E[3-9]'\nenvs: {}\naliases: { d1: ['10.0.0.1'] }\n",
    );
    expect(wrong.status).toBe(422);
    const { detail, errors } = problemOf(wrong);
    expect(detail).toMatch(
      /^web\.yaml:5:15: "E3" \(and 1 more written here\) is a host of namespace east \(version 1\): .*take it out there first \[host-of-another-namespace\], and 1 more\. The version in force stays\.$/,
    );
    expect(errors.map(({ path }) => path)).toEqual(['5:15', expect.stringMatching(/^7:/) as string]);
    const shown = async (name: string) =>
      namespaceSchema.parse((await api.call(`/v1/namespaces/${name}`)).json());
    expect(await shown('default')).toMatchObject({ version: 1, hosts: 4 });

    // A namespace that is to be made has no claim either, and once east lets go the host is free.
    expect((await make(api, 'west', webFile('e1', 1))).status).toBe(422);
    await apply(api, 'east', webFile('e[5-8]', 1));
    expect((await apply(api, 'default', webFile('d[1-4],e[1-4]', 2))).status).toBe(200);
  });

  it('that two namespaces name at the same moment is the one that was first', async () => {
    const { api } = await cluster.dispatcher({ store: slowToWrite(new MemoryBacking().openHandle()) });
    await make(api, 'east', webFile('e1', 1));
    await make(api, 'west', webFile('w1', 1));
    for (let round = 0; round < 5; round++) {
      const replies = await Promise.all(
        ['east', 'west'].map((name) => apply(api, name, webFile(`${name[0]!}1,shared${round}`, 1))),
      );
      expect(replies.map(({ status }) => status).sort()).toEqual([200, 422]);
      for (const name of ['east', 'west']) await apply(api, name, webFile(`${name[0]!}1`, 1));
    }
  });

  it('of another namespace is in no job, whatever the job says of hosts that its own does not know', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await make(api, 'east', webFile('e[1-4]', 1));
    await cluster.worker(dispatcher, { script: succeed });
    for (const request of [
      jobRequest('h1,e2'),
      jobRequest('h1,e2', { allowUnknown: true, unconstrained: true }),
    ]) {
      const refused = await api.call('/v1/plans', { body: request });
      expect(refused.status).toBe(400);
      expect(problemOf(refused)).toMatchObject({
        type: 'urn:pogo:problem:host-of-another-namespace',
        detail: expect.stringMatching(/e2 of namespace east \(version 1\).*--namespace/) as string,
      });
    }
    // The plan came before east had the host; the job comes after it.
    const planned = await plan(api, jobRequest('h1,e9'));
    await apply(api, 'east', webFile('e[1-9]', 1));
    const { spec, digest, limits } = planned;
    const refused = await api.call('/v1/jobs', {
      headers: { 'idempotency-key': 'late' },
      body: { spec, digest, limits, credentials: sealFor(planned) },
    });
    expect(problemOf(refused).type).toBe('urn:pogo:problem:host-of-another-namespace');
  });
});
