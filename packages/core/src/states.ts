/**
 * Every legal change of a host's and of a job's state, in one table each; whatever is not in the table is a typed
 * error. The diagrams in docs/ are generated from these tables.
 */

export const hostStates = [
  'waiting',
  'permitted',
  'assigned',
  'connecting',
  'running',
  'succeeded',
  'failed',
  'unreachable',
  'auth-failed',
  'timed-out',
  'killed',
  'unknown',
  'denied',
  'skipped',
  'halted',
] as const;

/** Where one host of one job stands; the last nine are final for the attempt, `unknown` excepted (E2). */
export type HostState = (typeof hostStates)[number];

/** What an attempt that was ordered can end as. */
export const outcomeStates = [
  'succeeded',
  'failed',
  'unreachable',
  'auth-failed',
  'timed-out',
  'killed',
  'unknown',
  'denied',
] as const;
export type OutcomeState = (typeof outcomeStates)[number];

/** What happens to a host; `finish-*` carries the outcome's state. */
export type HostEvent =
  | 'permit'
  | 'assign'
  | 'begin'
  | 'start'
  | 'refuse'
  | 'halt'
  | 'skip'
  | 'retry'
  | 'retry-permitted'
  | `finish-${OutcomeState}`;

/** What happens to a host whose attempt ends as this. */
export const finishEvents = Object.fromEntries(
  outcomeStates.map((state) => [state, `finish-${state}`]),
) as Readonly<Record<OutcomeState, HostEvent>>;

const finishes = (states: readonly OutcomeState[]): Partial<Record<HostEvent, HostState>> =>
  Object.fromEntries(states.map((state) => [finishEvents[state], state]));

/** `retry-permitted` is for a host that still counts: it needs no second permit (S3). */
const retries = { retry: 'waiting', 'retry-permitted': 'permitted' } as const;

/** Evidence replaces `unknown` once, and never by another `unknown` (E2). */
const evidence = outcomeStates.filter((state) => state !== 'unknown');

export const hostTransitions: Readonly<Record<HostState, Partial<Record<HostEvent, HostState>>>> = {
  waiting: { permit: 'permitted', halt: 'halted', skip: 'skipped' },
  permitted: { assign: 'assigned', halt: 'halted', skip: 'skipped' },
  assigned: { begin: 'connecting', start: 'running', refuse: 'permitted', ...finishes(outcomeStates) },
  // A worker that journaled `begun` may still say, durably, that it never dialled (A3).
  connecting: { start: 'running', refuse: 'permitted', ...finishes(outcomeStates) },
  running: finishes(outcomeStates),
  succeeded: {},
  failed: retries,
  unreachable: retries,
  'auth-failed': retries,
  'timed-out': retries,
  killed: retries,
  unknown: { ...retries, refuse: 'halted', ...finishes(evidence) },
  denied: retries,
  skipped: retries,
  halted: retries,
};

export const jobStates = [
  'accepted',
  'running',
  'held',
  'needs-credentials',
  'succeeded',
  'failed',
  'halted',
  'deadlocked',
  'expired',
] as const;
export type JobState = (typeof jobStates)[number];

/** The states in which a job is over, until `retry`, `resume` or `resolve` opens it again. */
export const endedJobStates = ['succeeded', 'failed', 'halted', 'deadlocked', 'expired'] as const;
export type EndedJobState = (typeof endedJobStates)[number];

export type JobEvent =
  'run' | 'hold' | 'lose-credentials' | 'get-credentials' | 'reopen' | `end-${EndedJobState}`;

const ends = Object.fromEntries(endedJobStates.map((state) => [`end-${state}`, state])) as Partial<
  Record<JobEvent, JobState>
>;

export const jobTransitions: Readonly<Record<JobState, Partial<Record<JobEvent, JobState>>>> = {
  accepted: { run: 'running', hold: 'held', 'lose-credentials': 'needs-credentials', ...ends },
  running: { hold: 'held', 'lose-credentials': 'needs-credentials', ...ends },
  held: { run: 'running', 'lose-credentials': 'needs-credentials', ...ends },
  'needs-credentials': { 'get-credentials': 'running', ...ends },
  succeeded: {},
  failed: { reopen: 'running' },
  halted: { reopen: 'running' },
  deadlocked: { reopen: 'running' },
  expired: { reopen: 'running' },
};

/** A change that the table doesn't have: always a bug of the caller, never of a user. */
export class IllegalTransition extends Error {
  constructor(what: 'host' | 'job', from: string, event: string) {
    super(`illegal ${what} transition: '${event}' in state '${from}'`);
    this.name = 'IllegalTransition';
  }
}

/** The state after `event`, or undefined where the table has none. */
export function nextHostState(from: HostState, event: HostEvent): HostState | undefined {
  return hostTransitions[from][event];
}

/** The state after `event`, or undefined where the table has none. */
export function nextJobState(from: JobState, event: JobEvent): JobState | undefined {
  return jobTransitions[from][event];
}

/** Final for its attempt (`unknown` may be replaced once, by evidence: E2). */
export function isTerminal(state: HostState): boolean {
  switch (state) {
    case 'waiting':
    case 'permitted':
    case 'assigned':
    case 'connecting':
    case 'running':
      return false;
    default:
      return true;
  }
}

export function isEnded(state: JobState): state is EndedJobState {
  return (endedJobStates as readonly JobState[]).includes(state);
}
