import {
  applyBatch,
  type ClusterState,
  createState,
  decideAccept,
  decideAlter,
  decideHalt,
  decideHold,
  decideRelease,
  decideReports,
  decideResolve,
  decideResume,
  decideRetry,
  decideSkip,
  type FoldedBatch,
  hostStates,
  type LogEntry,
  plan,
} from '@pogo/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBehind, JobTracker, parseEventId } from '../src/events/job-tracker.js';
import { HostList } from '../src/jobs/host-names.js';

const workers = [
  { name: 'w', capacity: 3, keyIds: ['kid'] },
  { name: 'v', capacity: 2, keyIds: ['kid'] },
];

type Verb =
  'retry' | 'skip' | 'release' | 'resolve' | 'unsettled' | 'lose-credentials' | 'resume' | 'hold' | 'alter';
type Step =
  | { host: number; what: 'begun' | 'started' | 'refused' | 'succeeded' | 'failed' | 'unknown' }
  | { host: number; verb: Verb }
  | 'halt';
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      host: fc.nat(7),
      what: fc.constantFrom('begun', 'started', 'refused', 'succeeded', 'failed', 'unknown'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      host: fc.nat(7),
      verb: fc.constantFrom<Verb[]>(
        ...([
          'retry',
          'retry',
          'skip',
          'release',
          'resolve',
          'unsettled',
          'lose-credentials',
          'resume',
          'hold',
          'alter',
        ] as const),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant('halt' as const) },
);

/** A history as a leader would write it, whatever the workers say. */
function historyOf(hosts: number, steps: readonly Step[]): { batches: FoldedBatch[]; states: ClusterState } {
  const state = createState();
  const batches: FoldedBatch[] = [];
  const append = (entries: readonly LogEntry[]) => {
    if (entries.length === 0) return;
    const batch = { index: state.nextIndex, atMs: state.nextIndex * 10, entries };
    applyBatch(state, batch);
    batches.push(batch);
  };
  const accepted = decideAccept(state, {
    digest: 'd',
    specRef: 's',
    idempotencyKey: 'k',
    submitter: 'ada',
    namespace: 'default',
    title: 't',
    hosts,
    recipients: ['kid'],
    provesPassword: false,
    limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 1e9 },
  });
  append(accepted.kind === 'accepted' ? accepted.entries : []);
  append(plan(state, { nowMs: 0, workers }));
  for (const given of steps) {
    if (given === 'halt') {
      const halt = decideHalt(state, { job: 1, by: 'ada', cause: 'request', kill: false });
      append(halt.kind === 'halted' ? halt.entries : []);
    } else if ('verb' in given) {
      append(entriesOf(state, given.verb, given.host % hosts));
    } else {
      const record = state.jobs.get(1)!.hosts[given.host % hosts]!;
      const key = { job: 1, host: given.host % hosts, attempt: record.attempt };
      const { what } = given;
      const report =
        what === 'begun' || what === 'started'
          ? { ...key, event: what }
          : what === 'refused'
            ? { ...key, event: what, reason: 'busy' }
            : { ...key, event: 'finished' as const, outcome: { state: what } };
      append(decideReports(state, record.worker ?? 'w', [report]).entries);
    }
    append(plan(state, { nowMs: 0, workers }));
  }
  return { batches, states: state };
}

/** What a dispatcher appends when somebody asks for it; nothing where it is refused. */
function entriesOf(state: ClusterState, verb: Verb, host: number): readonly LogEntry[] {
  const job = state.jobs.get(1)!;
  const by = 'ada';
  const credentials = { kind: 'given', recipients: ['kid'] } as const;
  const decision = (() => {
    switch (verb) {
      case 'retry':
        return decideRetry(job, { hosts: [host], by, fence: true, credentials });
      case 'skip':
        return decideSkip(job, { hosts: [host], by });
      case 'release':
        return decideRelease(job, { hosts: [host], by });
      case 'resolve':
        return decideResolve(job, { hosts: [host], by, credentials, workerFor: () => 'v' });
      case 'resume':
        return decideResume(job, { by, credentials });
      case 'hold':
        return decideHold(job, { by });
      case 'alter':
        return decideAlter(job, { by, change: { ramp: { steps: [1 + host], pauseMs: null } } });
      case 'lose-credentials':
      case 'unsettled':
        return undefined;
    }
  })();
  if (decision?.kind === 'decided') return decision.entries;
  if (verb === 'unsettled' && job.resolutions.get(host)?.asking === true) {
    return [{ type: 'hosts-unsettled', job: 1, hosts: [host], detail: 'no record' }];
  }
  const losable = job.state === 'accepted' || job.state === 'running' || job.state === 'held';
  return verb === 'lose-credentials' && losable ? [{ type: 'credentials-lost', job: 1 }] : [];
}

const countsOf = (state: ClusterState) => {
  const { counts } = state.jobs.get(1)!;
  return Object.fromEntries(
    hostStates.filter((name) => counts[name] > 0).map((name) => [name, counts[name]]),
  );
};
const names = (hosts: number) => new HostList(Array.from({ length: hosts }, (_, at) => `h${at}`));

describe('a tracked history', () => {
  it('counts as the fold does, batch by batch, and ends in its state', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 40 }), (hosts, steps) => {
        const { batches } = historyOf(hosts, steps);
        const tracker = new JobTracker(1, hosts, names(hosts));
        const state = createState();
        for (const batch of batches) {
          applyBatch(state, batch);
          const told = tracker
            .follow(batch)
            .filter((event) => event.type === 'job-state')
            .at(-1);
          expect(tracker.jobState).toBe(state.jobs.get(1)!.state);
          const isLast = batch.entries.at(-1)?.type === 'job-ended';
          if (isLast && told?.type === 'job-state') expect(told.counts).toEqual(countsOf(state));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('can be caught up with from anywhere', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 8 }),
        fc.array(step, { maxLength: 40 }),
        fc.nat(40),
        (hosts, steps, prefix) => {
          const { batches, states } = historyOf(hosts, steps);
          const tracker = new JobTracker(1, hosts, names(hosts));
          const told = new Map<string, string>();
          for (const batch of batches.slice(0, prefix)) {
            for (const event of tracker.follow(batch)) {
              if (event.type === 'host-finished') told.set(event.host, event.outcome.state);
            }
          }
          const record = states.jobs.get(1)!;
          const events = tracker.catchUp({
            state: record.state,
            hosts: record.hosts,
            atMs: 0,
            index: states.nextIndex - 1,
          });
          for (const event of events) {
            if (event.type === 'host-finished') told.set(event.host, event.outcome.state);
          }
          expect(events.at(-1)).toMatchObject({
            type: 'job-state',
            state: record.state,
            counts: countsOf(states),
          });
          for (const [host, { state, outcome }] of record.hosts.entries()) {
            if (outcome !== undefined && state === outcome.state) expect(told.get(`h${host}`)).toBe(state);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has ids in order', () => {
    const { batches } = historyOf(5, [{ host: 0, what: 'begun' }, { host: 0, what: 'succeeded' }, 'halt']);
    const tracker = new JobTracker(1, 5, names(5));
    const ids = batches.flatMap((batch) => tracker.follow(batch)).map(({ id }) => id);
    for (const [at, id] of ids.entries()) {
      for (const [other, later] of ids.entries()) {
        expect(isBehind(later, parseEventId(id)!)).toBe(other > at);
      }
    }
    for (const bad of ['', '1', '1.', '.1', '1.x', '-1.0', '1.0.0', ' 1.0'])
      expect(parseEventId(bad)).toBeUndefined();
  });
});
