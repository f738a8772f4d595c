/** `/metrics`: whether something is stuck, and on what. */
import { type Clock, systemClock } from '@pogo/lifecycle';
import { MemoryBacking } from '@pogo/store';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { begin, fail, silence } from './support/attempt-scripts.js';
import { applyFile, coastFile } from './support/coast-namespace.js';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { Scrape } from './support/scrape.js';

/** Other processes, and this machine, may be slow. */
const patient = { timeout: 45_000, interval: 50 };

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.make();
});
afterEach(() => cluster.stop());
afterAll(() => cluster.remove());

const namespace = 'default';

describe('a scrape', () => {
  it('tells of each metric what it is, and of nothing that it is nothing', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await dispatcher.leader.leading();
    const scrape = await Scrape.of(api);
    const described = new Set([...scrape.text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name));
    for (const { name } of scrape.samples) {
      expect(described).toContain(
        name.replace(/_(bucket|sum|count)$/, (suffix) => (described.has(name) ? suffix : '')),
      );
    }
    expect(scrape.value('pogo_leader', { namespace })).toBe(1);
    expect(scrape.value('pogo_store_connected')).toBe(1);
    expect(scrape.value('pogo_hosts', { state: 'unknown' })).toBe(0);
    expect(scrape.value('pogo_hosts_waiting', { cause: 'worker' })).toBe(0);
    expect(scrape.value('pogo_jobs', { class: 'waiting' })).toBe(0);
    expect(scrape.value('pogo_jobs_ended_total', { state: 'deadlocked' })).toBe(0);
  });

  it('counts hosts under way by state, the workers that have them, and what was appended', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    const worker = await cluster.worker(dispatcher, { capacity: 3, script: begin });
    await submit(api, jobRequest('a[1-5]'));
    const scrape = await vi.waitFor(async () => {
      const now = await Scrape.of(api);
      expect(now.by('pogo_hosts', 'state')).toEqual({ running: 3, waiting: 2 });
      return now;
    }, patient);
    expect(scrape.by('pogo_jobs', 'class')).toEqual({ active: 1 });
    expect(scrape.by('pogo_hosts_waiting', 'cause')).toEqual({ worker: 2 });
    expect(scrape.value('pogo_worker_assigned_hosts', { worker: 'worker-1' })).toBe(3);
    expect(scrape.value('pogo_worker_capacity_hosts', { worker: 'worker-1' })).toBe(3);
    expect(scrape.value('pogo_worker_connected', { worker: 'worker-1' })).toBe(1);
    expect(scrape.value('pogo_vault_jobs')).toBe(1);
    // The log stands still between two appends.
    await vi.waitFor(async () => {
      const now = await Scrape.of(api);
      const appends = now.value('pogo_log_append_seconds_count', { namespace })!;
      expect(appends).toBe(now.value('pogo_log_append_entries_count', { namespace }));
      expect(appends).toBe(now.value('pogo_log_index', { namespace })! + 1);
      expect(now.value('pogo_log_append_entries_sum', { namespace })).toBe(
        now.value('pogo_log_entries_total', { namespace }),
      );
    }, patient);
    await worker.stop();
    await vi.waitFor(
      async () =>
        expect((await Scrape.of(api)).value('pogo_worker_connected', { worker: 'worker-1' })).toBe(0),
      patient,
    );
  });

  it('says of each waiting host what it waits for first', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { script: begin });
    await applyFile(api, coastFile('1'));
    // bar2 waits for the slot of backends, every foo for the bars before it, and the second job's bar1 for the first's.
    await submit(api, jobRequest('bar[1-2].east,foo[1-3].east'));
    await vi.waitFor(
      async () =>
        expect((await Scrape.of(api)).by('pogo_hosts', 'state')).toEqual({ running: 1, waiting: 4 }),
      patient,
    );
    expect((await Scrape.of(api)).by('pogo_hosts_waiting', 'cause')).toEqual({ slot: 1, stage: 3 });
    const second = await submit(
      api,
      jobRequest('bar1.east', { limits: { concurrent: '1', maxFailures: null, jobTimeoutMs: 60_000 } }),
    );
    expect((await Scrape.of(api)).by('pogo_hosts_waiting', 'cause')).toEqual({ slot: 1, stage: 3, busy: 1 });
    expect((await Scrape.of(api)).by('pogo_jobs', 'class')).toEqual({ active: 1, waiting: 1 });
    await api.call(`/v1/jobs/${second.id}/hold`, { body: {} });
    expect((await Scrape.of(api)).by('pogo_hosts_waiting', 'cause')).toEqual({ slot: 1, stage: 3, held: 1 });
    await api.call('/v1/namespaces/default/freeze', { body: {} });
    expect((await Scrape.of(api)).by('pogo_hosts_waiting', 'cause')).toEqual({ frozen: 4, held: 1 });
  });

  it('says how long a job has been quiet, until it goes on', async () => {
    let aheadMs = 0;
    const clock: Clock = {
      wallMs: () => systemClock.wallMs() + aheadMs,
      monotonicMs: () => systemClock.monotonicMs() + aheadMs,
      setTimer: (delayMs, callback) => systemClock.setTimer(delayMs, callback),
    };
    const { dispatcher, api } = await cluster.dispatcher({ clock });
    const worker = await cluster.worker(dispatcher, { script: silence });
    await submit(api, jobRequest('a'));
    await worker.until(() => worker.assigned.length === 1);
    const quiet = async (of: string) => (await Scrape.of(api)).value('pogo_job_quiet_seconds', { class: of });
    expect(await quiet('active')).toBeLessThan(300);
    aheadMs = 300_000;
    expect(await quiet('active')).toBeGreaterThanOrEqual(300);
    await api.call('/v1/jobs/last/hold', { body: {} });
    expect(await quiet('held')).toBeLessThan(300);
    expect(await quiet('active')).toBe(0);
  });

  it('counts how jobs end', async () => {
    const { dispatcher, api } = await cluster.dispatcher();
    await cluster.worker(dispatcher, { script: fail });
    await finished(api, (await submit(api, jobRequest('a'))).id);
    const scrape = await Scrape.of(api);
    expect(scrape.by('pogo_jobs_ended_total', 'state')).toEqual({ failed: 1 });
    expect(scrape.by('pogo_jobs', 'class')).toEqual({});
    expect(scrape.value('pogo_vault_jobs')).toBe(0);
  });

  it('comes from a follower as well, which leaves jobs and hosts to who leads', async () => {
    const backing = new MemoryBacking();
    const [first, second] = [backing.openHandle(), backing.openHandle()];
    const one = await cluster.dispatcher({ store: first, name: 'one' });
    await one.dispatcher.leader.leading();
    const two = await cluster.dispatcher({ store: second, name: 'two' });
    await two.dispatcher.leader.serving();
    await cluster.worker(one.dispatcher, { script: begin });
    await submit(one.api, jobRequest('a'));
    await vi.waitFor(async () => {
      const [led, followed] = [await Scrape.of(one.api), await Scrape.of(two.api)];
      expect(led.by('pogo_hosts', 'state')).toEqual({ running: 1 });
      expect(followed.value('pogo_log_index', { namespace })).toBe(
        led.value('pogo_log_index', { namespace }),
      );
      expect(followed.value('pogo_worker_assigned_hosts', { worker: 'worker-1' })).toBe(1);
      expect(followed.value('pogo_leader', { namespace })).toBe(0);
      expect(followed.value('pogo_leader_known', { namespace })).toBe(1);
      expect(followed.samples.filter(({ name }) => name === 'pogo_hosts')).toEqual([]);
    }, patient);
    await cluster.stop();
    await first.close();
    await second.close();
  });

  it('is answered while the store takes nothing', async () => {
    const backing = new MemoryBacking();
    const store = backing.openHandle();
    let stall = false;
    let release = () => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    const { dispatcher, api } = await cluster.dispatcher({
      store: {
        log: (name) => {
          const log = store.log(name);
          return {
            append: async (index, batch) => {
              if (stall) await released;
              return log.append(index, batch);
            },
            read: (from, limit) => log.read(from, limit),
            follow: (from, signal) => log.follow(from, signal),
            pointer: () => log.pointer(),
            prune: (request) => log.prune(request),
          };
        },
        documents: store.documents,
        leadership: store.leadership,
        describe: () => ({ ...store.describe(), session: { isConnected: false, begun: 3 } }),
        close: () => store.close(),
      },
    });
    await dispatcher.leader.leading();
    stall = true;
    const frozen = api.call('/v1/namespaces/default/freeze', { body: {} });
    const scrape = await Scrape.of(api);
    expect(scrape.value('pogo_store_connected')).toBe(0);
    expect(scrape.value('pogo_store_sessions_total')).toBe(3);
    expect(scrape.value('pogo_leader', { namespace })).toBe(1);
    release();
    expect((await frozen).status).toBe(200);
    await cluster.stop();
    await store.close();
  });
});
