/**
 * Bugs on purpose: each wraps or replaces what production code is given, and each must be caught by the checker. None is
 * a switch inside production code. A suite that can't fail proves nothing.
 */
import type { AppendOutcome, Batch, Log } from '@pogo/store';
import { constraintBugs } from './constraint-bugs.js';
import { type BugSurroundings, decode, type PlantedBug, type Planting, rewriting } from './planted-bug.js';
import type { SimulatedProcess } from './simulated-process.js';

interface Report {
  job: number;
  host: number;
  attempt: number;
  event: string;
  outcome?: { state: string };
}

export const plantedBugs = {
  ...constraintBugs,

  'off-by-one-limit': () => {
    const widened = new Map<string, number>();
    return {
      beforeStart: ({ leader }) =>
        leader.observe({
          appended: (_batch, state) => {
            for (const { limits, accepted } of state.jobs.values()) {
              const { idempotencyKey } = accepted;
              if (limits.concurrent === null) continue;
              const wide = widened.get(idempotencyKey) ?? limits.concurrent + 1;
              widened.set(idempotencyKey, wide);
              limits.concurrent = wide;
            }
          },
        }),
    };
  },

  'double-dispatch': ({ inject, workers }) => ({
    tampering: (call, serve) => {
      if (call.method === 'job.open' || call.method === 'job.assign') {
        const other = workers.find((worker) => worker !== call.callee);
        if (other !== undefined) inject({ ...call, callee: other });
      }
      return serve(call.params);
    },
  }),

  'early-acknowledgement': () => ({
    wrapLog: (log, process) => ({
      ...log,
      append: (index, batch) => {
        void persist(log, process, index, batch);
        return Promise.resolve({ kind: 'ok' });
      },
    }),
  }),

  'doubt-settled-by-read': () =>
    settlingDoubt(async (log, index, batch) => {
      const found = await log.read(index, 1);
      const entry = found.kind === 'entries' ? found.entries[0] : undefined;
      return entry !== undefined && entry.batch.id === batch.id;
    }),

  'doubt-given-up-as-failure': () => settlingDoubt(() => Promise.resolve(false)),

  'reassignment-without-refusal': () => ({
    wrapLog: (log) =>
      rewriting(log, (body) => ({
        ...body,
        entries: body.entries.map((entry) => {
          const outcome = entry['outcome'] as { reason?: string } | undefined;
          if (outcome?.reason !== 'worker-lost') return entry;
          return {
            type: 'hosts-refused',
            job: entry['job'],
            hosts: [entry['host']],
            reason: 'silent for long',
          };
        }),
      })),
  }),

  'lost-outbox-entry': ({ random }) => ({
    tampering: (call, serve) => {
      if (call.method !== 'worker.report' || !random.chance(0.3)) return serve(call.params);
      const params = call.params as { reports: Report[] };
      return serve({ ...params, reports: params.reports.filter(({ event }) => event !== 'finished') });
    },
  }),

  'permit-freed-without-evidence': () => {
    const patched = new WeakSet<object>();
    return {
      beforeStart: ({ leader }) =>
        leader.observe({
          appended: (_batch, state) => {
            for (const job of state.jobs.values()) {
              if (patched.has(job)) continue;
              patched.add(job);
              const { counts } = job;
              Object.defineProperty(job, 'disturbed', {
                get: () => counts.permitted + counts.assigned + counts.connecting + counts.running,
                set: () => undefined,
              });
            }
          },
        }),
    };
  },

  'order-of-old-term-obeyed': () => {
    const newest = new Map<string, number>();
    const note = (worker: string, term: number) => {
      const latest = Math.max(term, newest.get(worker) ?? 0);
      newest.set(worker, latest);
      return latest;
    };
    return {
      tampering: async (call, serve) => {
        const { method, callee } = call;
        if (method === 'namespace.lead') note(callee, (call.params as { term: number }).term);
        if (!method.startsWith('job.')) return serve(call.params);
        const params = call.params as { term: number };
        return serve({ ...params, term: note(callee, params.term) });
      },
    };
  },

  'time-going-back': ({ random }) => ({
    wrapLog: (log) =>
      rewriting(log, (body) =>
        random.chance(0.2) ? { ...body, atMs: body.atMs - random.integer(1, 60_000) } : body,
      ),
  }),

  'unknown-turned-into-failed': () => ({
    tampering: (call, serve) => {
      if (call.method !== 'worker.report') return serve(call.params);
      const params = call.params as { reports: Report[] };
      const reports = params.reports.map((report) =>
        report.outcome?.state === 'unknown'
          ? { ...report, outcome: { state: 'failed', reason: 'exit-nonzero', exitCode: 255 } }
          : report,
      );
      return serve({ ...params, reports });
    },
  }),

  'volatile-journal': () => ({ journal: 'volatile' }),

  'begun-after-dialling': () => ({ journal: 'begun-late' }),
} satisfies Record<string, Planting>;

export type BugName = keyof typeof plantedBugs;
export const bugNames = Object.keys(plantedBugs) as BugName[];

export function plant(name: BugName, surroundings: BugSurroundings): PlantedBug {
  const planting: Planting = plantedBugs[name];
  return planting(surroundings);
}

/** Doubt is turned into certainty by whatever `isThere` says, and the client hears it. */
function settlingDoubt(isThere: (log: Log, index: number, batch: Batch) => Promise<boolean>): PlantedBug {
  const failed = new Set<string>();
  return {
    isToldNo: (key) => failed.has(key),
    wrapLog: (log) => ({
      ...log,
      append: async (index, batch): Promise<AppendOutcome> => {
        const outcome = await log.append(index, batch).catch(() => undefined);
        if (outcome !== undefined && outcome.kind !== 'doubt') return outcome;
        if (await isThere(log, index, batch)) return { kind: 'ok' };
        for (const entry of decode(batch).entries) {
          if (entry.type === 'job-accepted') failed.add(String(entry['idempotencyKey']));
        }
        return { kind: 'conflict', found: { writer: 'nobody', id: 'nothing' } };
      },
    }),
  };
}

/** Goes on in the background for as long as the process lives. */
async function persist(log: Log, process: SimulatedProcess, index: number, batch: Batch): Promise<void> {
  while (process.isAlive) {
    const outcome = await log.append(index, batch).catch(() => undefined);
    if (outcome !== undefined && outcome.kind !== 'doubt' && outcome.kind !== 'gap') return;
    await new Promise<void>((resolve) => void process.clock.setTimer(100, resolve));
  }
}
