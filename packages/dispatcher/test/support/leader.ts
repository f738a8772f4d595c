import { decideAccept, type JobLimits, type LogEntry, type WorkerCapacity } from '@pogo/core';
import { type Clock, ManualClock } from '@pogo/lifecycle';
import { MemoryBacking, type Store } from '@pogo/store';
import { pino } from 'pino';
import { Leader } from '../../src/leader/leader.js';

export interface TestLeader {
  leader: Leader;
  clock: ManualClock;
  /** Every entry that became durable, as `type` and the rest. */
  entries: LogEntry[];
  /** Resolves once `condition` holds of the entries. */
  until(condition: (entries: readonly LogEntry[]) => boolean): Promise<void>;
  accept(changes?: { hosts?: number; key?: string; limits?: Partial<JobLimits> }): Promise<number>;
  failures: Error[];
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
  const leader = new Leader({
    store: options.store ?? new MemoryBacking().openHandle(),
    namespace: 'default',
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
        return { entries: fresh, answer: decision.job };
      });
      if (outcome.kind === 'lost') throw new Error('lost');
      return outcome.answer;
    },
  };
}
