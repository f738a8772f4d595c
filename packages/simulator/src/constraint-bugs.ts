/** Bugs on purpose in what the namespace asks for: who counts, how many may, and who waits for whom. */
import { hostStates, type LogEntry } from '@pogo/core';
import { type Planting, rewriting } from './planted-bug.js';
import { alteringNamespace, alterJobs, type JobSnapshot, tamperingWith } from './state-tampering.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export const constraintBugs = {
  'slot-limit-off-by-one': () =>
    alteringNamespace(({ slots }) => {
      for (const slot of slots as Mutable<(typeof slots)[number]>[]) slot.limit++;
    }),

  'percentage-rounded-up': () =>
    alteringNamespace(({ slots }) => {
      for (const slot of slots as Mutable<(typeof slots)[number]>[]) {
        if (slot.written.endsWith('%'))
          slot.limit = Math.ceil((parseInt(slot.written, 10) * slot.members) / 100);
      }
    }),

  'limits-of-an-earlier-version': () => {
    const first = new Map<string, number>();
    return alteringNamespace(({ slots }) => {
      for (const slot of slots as Mutable<(typeof slots)[number]>[]) {
        const limit = first.get(slot.name) ?? slot.limit;
        first.set(slot.name, limit);
        slot.limit = limit;
      }
    });
  },

  'failed-host-lets-go': () => tamperingWith((state) => alterJobs(state, forgetHeld)),

  'unknown-does-not-count': () => {
    const unknown = hostStates.indexOf('unknown');
    return tamperingWith((state) =>
      alterJobs(state, ({ accepted, hosts }) => {
        // Its own cap would be another rule.
        if (accepted.limits.concurrent !== null) return false;
        const open = hosts.filter(([at, , , , , , rare]) => at === unknown && rare?.released !== true);
        for (const host of open) host[6] = { ...host[6], released: true };
        return open.length > 0;
      }),
    );
  },

  'sequence-ignored-after-failure': () =>
    tamperingWith((state) =>
      alterJobs(state, ({ accepted }) => {
        if (accepted.onPredecessorFailure === 'continue') return false;
        accepted.onPredecessorFailure = 'continue';
        return true;
      }),
    ),

  'sequence-not-transitive': () =>
    alteringNamespace(({ stages }) => {
      const all = stages.map(({ after }) => after);
      for (const stage of stages as Mutable<(typeof stages)[number]>[]) {
        const through = new Set(stage.after.flatMap((earlier) => all[earlier]!));
        stage.after = stage.after.filter((earlier) => !through.has(earlier));
      }
    }),

  'unconstrained-hosts-not-counted': () =>
    tamperingWith((state) =>
      alterJobs(state, (job) => {
        const isPlaced = state.jobs.get(job.accepted.job)?.placement !== undefined;
        if (job.accepted.unconstrained !== true || !isPlaced) return false;
        delete job.members;
        return true;
      }),
    ),

  'host-of-two-jobs-at-once': () =>
    tamperingWith((state) =>
      alterJobs(state, (job) => {
        const own = state.jobs.get(job.accepted.job)?.placement?.members;
        const { namespace } = state.constraints;
        if (own === undefined || namespace === undefined) return false;
        const others = [...state.jobs.values()].filter((other) => other.job < job.accepted.job);
        const taken = new Set(others.flatMap(({ placement }) => [...(placement?.members ?? [])]));
        // Limits and sequences would be other rules.
        const isFree = (member: number) =>
          namespace.slotsOf(member).length === 0 && namespace.stagesOf(member).length === 0;
        const some = [...own].filter((member) => member >= 0 && taken.has(member) && isFree(member));
        if (some.length === 0) return false;
        job.members = [...own].map((member) => [some.includes(member) ? -1 : member, 1]);
        return true;
      }),
    ),

  'permits-forgotten-after-a-restart': () =>
    tamperingWith(({ constraints, jobs }, batch) => {
      if (batch !== undefined) return;
      constraints.use.fill(0);
      constraints.members.clear();
      for (const { groups, ready } of jobs.values()) {
        for (const group of groups) {
          group.fullSlots = 0;
          const { least } = group.waiting;
          if (group.pendingStages === 0 && least !== undefined) ready.put(group, least);
        }
      }
    }),

  'release-frees-too-much': () => after('hosts-released', forgetHeld),

  'end-of-a-job-frees-what-failed': () => after('job-ended', (job) => hostsEnded(job) && forgetHeld(job)),

  'new-version-forgets-who-counts': () => after('namespace-applied', forgetHeld),

  'room-that-nobody-notices': () =>
    tamperingWith((state, batch) => {
      if (batch?.entries.some(({ type }) => type === 'host-finished') !== true) return;
      for (const { groups, ready } of state.jobs.values()) {
        for (const group of groups) if (group.slots.length > 0) ready.delete(group);
      }
    }),

  'deadlock-without-cause': () => ({
    wrapLog: (log) =>
      rewriting(log, (body) => {
        const stopped = new Set(
          body.entries.filter(({ type }) => type === 'hosts-halted').map(({ job }) => job),
        );
        const isTimeUp = body.entries.some(({ cause }) => cause === 'job-timeout');
        const change = (entry: (typeof body.entries)[number]) =>
          isTimeUp && entry.type === 'job-ended' && entry['state'] === 'halted' && stopped.has(entry['job'])
            ? { ...entry, state: 'deadlocked' }
            : entry;
        return { ...body, entries: body.entries.map(change) };
      }),
  }),
} satisfies Record<string, Planting>;

/** Hosts that went wrong count no more. */
function forgetHeld(job: JobSnapshot): boolean {
  if (job.held === undefined) return false;
  delete job.held;
  return true;
}

function hostsEnded({ state }: JobSnapshot): boolean {
  return state !== 'running' && state !== 'accepted';
}

function after(type: LogEntry['type'], alter: (job: JobSnapshot) => boolean): ReturnType<Planting> {
  return tamperingWith((state, batch) => {
    if (batch?.entries.some((entry) => entry.type === type) === true) alterJobs(state, alter);
  });
}
