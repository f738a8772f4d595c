/** Reports over the API: recounted from what the log says, also where the log itself was pruned since. */
import { type JobReportDocument, jobReportSchema } from '@pogo/protocol';
import { type Documents, MemoryBacking, type Store } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient } from './support/api-client.js';
import { applyFile, coastFile } from './support/coast-namespace.js';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { begin, fail, succeed } from './support/attempt-scripts.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const file = (frontend: string) => coastFile(frontend, 40);

const reportOf = async (api: ApiClient, id: string): Promise<JobReportDocument> =>
  jobReportSchema.parse((await api.call(`/v1/jobs/${id}/report`)).json());

/** What a report says of each slot. */
const peaks = ({ slots }: JobReportDocument) =>
  Object.fromEntries(slots.map(({ slot, peak, limit, verdict }) => [slot, `${peak} of ${limit} ${verdict}`]));

/** The keys below a prefix. */
const keys = async (store: Store, prefix: string) =>
  (await store.documents.list(prefix)).map(({ key }) => key.slice(prefix.length));

/** A store whose documents of one kind can't be written. */
function withoutHistory(store: Store): Store {
  const documents: Documents = {
    get: (key) => store.documents.get(key),
    put: (key, value, expected) =>
      key.startsWith('history')
        ? Promise.reject(new Error('no room for history'))
        : store.documents.put(key, value, expected),
    delete: (key, expected) => store.documents.delete(key, expected),
    list: (prefix) => store.documents.list(prefix),
    watch: (prefix, signal) => store.documents.watch(prefix, signal),
  };
  return {
    documents,
    leadership: store.leadership,
    describe: () => store.describe(),
    log: (name) => store.log(name),
    close: () => store.close(),
  };
}

describe('a report', () => {
  it('says what the most at once was in each slot, what waited for what, and what became of the hosts', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await applyFile(api, file('5%'));
    await cluster.worker(dispatcher, { script: succeed });
    const job = await submit(api, jobRequest('foo[1-6].{east,west},bar[1-2].{east,west}'));
    await finished(api, job.id);
    const report = await reportOf(api, job.id);
    expect(report).toMatchObject({
      job: job.id,
      state: 'succeeded',
      verdict: 'kept',
      complete: true,
      hosts: 16,
      counts: { succeeded: 16 },
      attempts: { total: 16, retriedHosts: 0, failed: 0 },
      failures: [],
      periods: [{ state: 'succeeded' }],
    });
    expect(peaks(report)).toEqual({
      'frontend@coast=east': '2 of 2 kept',
      'frontend@coast=west': '2 of 2 kept',
      'backend@coast=east': '1 of 1 kept',
      'backend@coast=west': '1 of 1 kept',
    });
    for (const { lastEnd, firstStart, verdict } of report.sequences) {
      expect(verdict).toBe('kept');
      expect(lastEnd!.index).toBeLessThanOrEqual(firstStart!.index);
    }
    expect(report.sequences).toHaveLength(2);
  });

  it('is the same when the log was pruned many times since, the job archived, and the dispatcher started again', async () => {
    const store = new MemoryBacking();
    const limits = { snapshotEveryEntries: 5 };
    const first = await cluster.dispatcher({ store: store.openHandle(), limits });
    await applyFile(first.api, file('5%'));
    const worker = await cluster.worker(first.dispatcher, { script: fail });
    const broken = await submit(first.api, jobRequest('foo[1-6].east'));
    expect((await finished(first.api, broken.id)).state).toBe('deadlocked');
    worker.script = succeed;
    await first.api.call(`/v1/jobs/${broken.id}/release`, { body: { hosts: 'foo1.east' } });
    const job = await submit(first.api, jobRequest('foo[20-40].east'));
    await finished(first.api, job.id);
    const before = await reportOf(first.api, job.id);
    expect(before).toMatchObject({ complete: true, verdict: 'kept', counts: { succeeded: 21 } });
    expect(before.slots).toMatchObject([{ peak: 2, limit: 2 }]);
    // The one that failed and was not released takes a place all the time.
    expect(before.slots[0]!.hosts).toBe('foo[2,20].east');
    await worker.stop();
    await first.stop();
    const looking = store.openHandle();
    expect((await looking.log('default').pointer()).floor).toBeGreaterThan(0);
    expect((await keys(looking, 'history/')).length).toBeGreaterThan(1);

    const archiving = { ...limits, archiveAfterMs: 0, archiveEveryMs: 10 };
    const second = await cluster.dispatcher({ store: looking, limits: archiving });
    await expect.poll(() => keys(looking, 'archived/jobs/'), { timeout: 20_000 }).toContain(job.id);
    await expect
      .poll(async () => (await second.api.call(`/v1/jobs/${job.id}`)).status, { timeout: 20_000 })
      .toBe(200);
    expect(await reportOf(second.api, job.id)).toEqual(before);
  });

  it('of a job that still runs says what was so far', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await applyFile(api, file('5%'));
    const worker = await cluster.worker(dispatcher, { script: begin });
    const job = await submit(api, jobRequest('foo[1-6].east'));
    await worker.until(() => worker.assigned.length === 2);
    const report = await reportOf(api, job.id);
    expect(report).toMatchObject({ state: 'running', verdict: 'kept' });
    expect(report.counts.waiting).toBe(4);
    expect(report.slots).toMatchObject([{ peak: 2, hosts: 'foo[1-2].east' }]);
    expect(report.periods[0]!.to).toBeUndefined();
  });

  it('says plainly that it proves nothing where the log was not kept', async () => {
    const backing = new MemoryBacking();
    const store = backing.openHandle();
    const first = await cluster.dispatcher({ store, limits: { snapshotEveryEntries: 5 } });
    await cluster.worker(first.dispatcher, { script: succeed });
    const job = await submit(first.api, jobRequest('foo[1-6].east'));
    await finished(first.api, job.id);
    await expect.poll(() => keys(store, 'history/'), { timeout: 20_000 }).not.toEqual([]);
    await first.stop();
    const second = backing.openHandle();
    for (const { key } of await second.documents.list('history/')) await second.documents.delete(key, 'any');
    const { api } = await cluster.dispatcher({ store: second });
    expect(await reportOf(api, job.id)).toMatchObject({
      verdict: 'unproven',
      complete: false,
      missing: [expect.stringMatching(/^the log is kept from entry \d+ on/) as string],
      counts: { succeeded: 6 },
    });
  });

  it('says so, too, where a version of the namespace is kept no longer', async () => {
    const store = new MemoryBacking().openHandle();
    const { dispatcher, api } = await cluster.dispatcher({ store });
    await applyFile(api, file('5%'));
    await cluster.worker(dispatcher, { script: succeed });
    const job = await submit(api, jobRequest('foo[1-6].east'));
    await finished(api, job.id);
    const first = await store.documents.list('namespaces/');
    await applyFile(api, file('10%'));
    expect(await reportOf(api, job.id)).toMatchObject({ verdict: 'kept', complete: true });
    for (const { key } of first) await store.documents.delete(key, 'any');
    expect(await reportOf(api, job.id)).toMatchObject({
      verdict: 'unproven',
      complete: false,
      missing: [expect.stringMatching(/^version 1 of the namespace, .* is kept no longer/) as string],
      counts: { succeeded: 6 },
      slots: [],
    });
  });

  it('costs no history: what can not be kept is not pruned', async () => {
    const store = withoutHistory(new MemoryBacking().openHandle());
    const { dispatcher, api, logged } = await cluster.dispatcher({
      store,
      limits: { snapshotEveryEntries: 5 },
    });
    await cluster.worker(dispatcher, { script: succeed });
    const job = await submit(api, jobRequest('foo[1-6].east'));
    await finished(api, job.id);
    await expect.poll(logged, { timeout: 20_000 }).toContain('a snapshot could not be written');
    expect((await store.log('default').pointer()).floor).toBe(0);
    expect(await reportOf(api, job.id)).toMatchObject({ complete: true, counts: { succeeded: 6 } });
  });

  it('knows no job of another number', async () => {
    const { api } = await cluster.dispatcher();
    expect((await api.call('/v1/jobs/77/report')).status).toBe(404);
  });
});
