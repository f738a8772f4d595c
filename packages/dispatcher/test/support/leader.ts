import {
  decideAccept,
  defaultNamespace,
  type JobLimits,
  type LogEntry,
  type WorkerCapacity,
} from '@pogo/core';
import { type Clock, ManualClock } from '@pogo/lifecycle';
import { type Documents, MemoryBacking, type Store } from '@pogo/store';
import { pino } from 'pino';
import { HostLists } from '../../src/jobs/host-names.js';
import { Specs } from '../../src/jobs/specs.js';
import { Leader } from '../../src/leader/leader.js';
import { ReferredDocuments } from '../../src/leader/referred-documents.js';
import { NamespaceDocuments } from '../../src/namespaces/namespace-documents.js';

export interface TestLeader {
  leader: Leader;
  clock: ManualClock;
  /** Every entry that became durable, as `type` and the rest. */
  entries: LogEntry[];
  /** Resolves once `condition` holds of the entries. */
  until(condition: (entries: readonly LogEntry[]) => boolean): Promise<void>;
  accept(changes?: { hosts?: number; key?: string; limits?: Partial<JobLimits> }): Promise<number>;
  failures: Error[];
  /** What its entries refer to. */
  referred: ReferredDocuments;
}

/** What entries refer to, read from these. */
export function referredIn(documents: Documents): ReferredDocuments {
  const uniqueId = () => 'unused';
  return new ReferredDocuments({
    namespaces: new NamespaceDocuments({ documents, uniqueId }),
    specs: new Specs({ documents, uniqueId }),
    hostLists: new HostLists({ maxHosts: 1000 }),
  });
}

/** A leader by itself: no API, no links, workers as told. */
export function makeLeader(
  options: { store?: Store; name?: string; workers?: WorkerCapacity[]; clock?: ManualClock } = {},
): TestLeader {
  const clock = options.clock ?? new ManualClock({ wallStartMs: 1_000_000 });
  const entries: LogEntry[] = [];
  const failures: Error[] = [];
  let watchers: (() => void)[] = [];
  let ids = 0;
  const store = options.store ?? new MemoryBacking().openHandle();
  const referred = referredIn(store.documents);
  const leader = new Leader({
    store,
    documents: store.documents,
    referred,
    namespace: defaultNamespace,
    name: options.name ?? 'one',
    clock: clock satisfies Clock,
    random: () => 0,
    uniqueId: () => `${options.name ?? 'one'}-${ids++}`,
    logger: pino({ level: 'silent' }),
    snapshotEveryEntries: 1000,
    measured: () => undefined,
    fatal: (error) => void failures.push(error),
  });
  const workers = options.workers ?? [{ name: 'w', capacity: 2, keyIds: ['kid'] }];
  leader.plansWith({ workers: () => workers, due: () => [] });
  leader.observe({
    appended(batch) {
      entries.push(...batch.entries);
      for (const watcher of watchers.splice(0)) watcher();
    },
  });
  return {
    leader,
    clock,
    entries,
    failures,
    referred,
    async until(condition) {
      while (!condition(entries)) await new Promise<void>((resolve) => watchers.push(resolve));
      watchers = [];
    },
    async accept({ hosts = 3, key = `key-${ids++}`, limits = {} } = {}) {
      const outcome = await leader.command((state) => {
        const decision = decideAccept(state, {
          digest: 'sha256:d',
          specRef: 'specs/x/y',
          idempotencyKey: key,
          submitter: 'ada',
          namespace: 'default',
          title: 'true',
          hosts,
          recipients: ['kid'],
          provesPassword: false,
          limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 30_000, ...limits },
        });
        const fresh = decision.kind === 'accepted' ? decision.entries : [];
        return { entries: fresh, answer: 'job' in decision ? decision.job : -1 };
      });
      if (outcome.kind === 'lost') throw new Error('lost');
      return outcome.answer;
    },
  };
}
