/**
 * One job as its history tells it, entry by entry, in a byte a host: what a follower's events are made from.
 *
 * 1. The same batches give the same events with the same ids, however often and from wherever they are read again.
 * 2. What the log has forgotten is caught up with from the present state: each host's last change, once.
 */
import {
  deadlockText,
  type FoldedBatch,
  formatJobId,
  hostIndexes,
  type HostRecord,
  type HostSet,
  type HostState,
  hostStates,
  isTerminal,
  type JobLimits,
  type JobState,
  type LogEntry,
  nextHostState,
  type Outcome,
} from '@pogo/core';
import type { DeadlockDocument, HostCounts, JobEventDocument, RampState } from '@pogo/protocol';
import { deadlockDocument } from '../jobs/deadlock-document.js';
import { haltText } from '../jobs/halt-text.js';
import { needsCredentials } from '../jobs/needs-credentials.js';

/** Names of hosts by index, and of a set of them, folded. */
export interface HostNames {
  name(host: number): string;
  fold(hosts: HostSet): string;
}

/** The parts of a job's record that catching up looks at. */
export interface JobNow {
  state: JobState;
  hosts: readonly Pick<HostRecord, 'state' | 'attempt' | 'outcome'>[];
  hold?: { by: string } | undefined;
  ramp?: RampState | undefined;
  limits?: JobLimits | undefined;
  /** What held it up, if it has ended so. */
  deadlock?: DeadlockDocument | undefined;
  atMs: number;
  /** Index of the last batch that the record holds. */
  index: number;
}

type HostsStateEvent = Extract<JobEventDocument, { type: 'hosts-state' }>;
type EventBody<T = JobEventDocument> = T extends unknown ? Omit<T, 'id' | 'atMs'> : never;

const stateNumber = Object.fromEntries(hostStates.map((state, at) => [state, at])) as Record<
  HostState,
  number
>;
const waiting = stateNumber.waiting;

export class JobTracker {
  readonly #job: number;
  readonly #names: HostNames;
  readonly #states: Uint8Array;
  readonly #counts: number[] = hostStates.map(() => 0);
  #jobState: JobState = 'accepted';
  #hold: { by: string } | undefined;
  #limits: JobLimits | undefined;

  constructor(job: number, hosts: number, names: HostNames) {
    this.#job = job;
    this.#names = names;
    this.#states = new Uint8Array(hosts).fill(waiting);
    this.#counts[waiting] = hosts;
  }

  get jobState(): JobState {
    return this.#jobState;
  }

  /** The events of one batch, in order; their ids are `<index>.<position among this job's events of the batch>`. */
  follow(batch: FoldedBatch): JobEventDocument[] {
    const events: JobEventDocument[] = [];
    const emit = (body: EventBody) =>
      events.push({ ...body, id: `${batch.index}.${events.length}`, atMs: batch.atMs });
    for (const entry of batch.entries) {
      if ('job' in entry && entry.job === this.#job) this.#entry(entry, emit);
    }
    return events;
  }

  /**
   * Events that lead from what was told so far to the present. Only the last has an id that the stream can go on from;
   * those before repeat, if the connection breaks among them.
   */
  catchUp(now: JobNow): JobEventDocument[] {
    const bodies: EventBody[] = [];
    const moved = new Map<HostState, number[]>();
    for (const [host, record] of now.hosts.entries()) {
      const to = stateNumber[record.state];
      if (this.#states[host] === to) continue;
      this.#set(host, to);
      if (record.outcome !== undefined && isTerminal(record.state)) {
        bodies.push(this.#finished(host, record.attempt, record.outcome));
      } else {
        const hosts = moved.get(record.state);
        if (hosts) hosts.push(host);
        else moved.set(record.state, [host]);
      }
    }
    for (const [state, hosts] of moved) bodies.push(this.#moved(state, hosts));
    this.#jobState = now.state;
    this.#hold = now.hold;
    this.#limits = now.limits;
    const ramp = now.ramp;
    bodies.push({ ...this.#stateNow(now.deadlock), ...(ramp && { ramp }) });
    const last = bodies.length - 1;
    return bodies.map((body, at) => ({
      ...body,
      id: at === last ? `${now.index}.${lastPosition}` : `0.${at}`,
      atMs: now.atMs,
    }));
  }

  #entry(entry: Extract<LogEntry, { job: number }>, emit: (body: EventBody) => void): void {
    switch (entry.type) {
      case 'job-accepted':
        this.#limits = entry.limits;
        this.#jobMoved('accepted', emit);
        break;
      case 'hosts-permitted':
        if (this.#jobState === 'accepted') this.#jobMoved('running', emit);
        this.#hostsMoved(entry.hosts, 'permitted', emit);
        break;
      case 'hosts-assigned':
        this.#hostsMoved(entry.hosts, 'assigned', emit);
        break;
      case 'hosts-begun':
        this.#hostsMoved(entry.hosts, 'connecting', emit);
        break;
      case 'hosts-started':
        this.#hostsMoved(entry.hosts, 'running', emit);
        break;
      case 'hosts-refused':
        this.#refused(entry.hosts, emit);
        break;
      case 'hosts-halted':
        this.#hostsMoved(entry.hosts, 'halted', emit);
        break;
      case 'host-finished':
        this.#set(entry.host, stateNumber[entry.outcome.state]);
        emit(this.#finished(entry.host, entry.attempt, entry.outcome));
        break;
      case 'halt-requested':
        this.#jobMoved(this.#jobState, emit, haltText(entry));
        break;
      case 'hosts-skipped':
        this.#hostsMoved(entry.hosts, 'skipped', emit);
        break;
      case 'hosts-retried':
        this.#hostsMoved(entry.hosts, entry.keepsPermit ? 'permitted' : 'waiting', emit);
        break;
      case 'hosts-released':
        this.#hostsNoted(entry.hosts, `released by ${entry.by}`, emit);
        break;
      case 'hosts-resolving':
        this.#hostsNoted(entry.hosts, `asked by worker ${entry.worker}`, emit);
        break;
      case 'hosts-unsettled':
        this.#hostsNoted(entry.hosts, entry.detail, emit);
        break;
      case 'unknown-confirmed':
        emit(this.#finished(entry.host, entry.attempt, entry.outcome));
        break;
      case 'credentials-lost':
        this.#jobMoved('needs-credentials', emit, needsCredentials);
        break;
      case 'credentials-renewed':
        if (this.#jobState === 'needs-credentials')
          this.#jobMoved(this.#hold === undefined ? 'running' : 'held', emit);
        break;
      case 'job-held':
        this.#hold = { by: entry.by };
        this.#jobMoved(
          this.#jobState === 'needs-credentials' ? this.#jobState : 'held',
          emit,
          `held by ${entry.by}`,
        );
        break;
      case 'hold-lifted':
        this.#hold = undefined;
        if (this.#jobState === 'held') this.#jobMoved('running', emit, `resumed by ${entry.by}`);
        break;
      case 'limits-altered':
        this.#limits = entry.limits;
        this.#jobMoved(this.#jobState, emit, `limits altered by ${entry.by}`);
        break;
      case 'ramp-paused':
        this.#rampMoved(this.#rampAt(entry.step, entry.failed), emit);
        break;
      case 'ramp-advanced':
        this.#rampMoved(this.#rampAt(entry.step + 1), emit);
        break;
      case 'ramp-confirmed':
        this.#rampMoved(this.#rampAt(entry.step + 1), emit, `step ${entry.step} confirmed by ${entry.by}`);
        break;
      case 'job-reopened':
        this.#jobMoved('running', emit, `${entry.cause} by ${entry.by}`);
        break;
      case 'job-ended':
        this.#hold = undefined;
        this.#ended(entry, emit);
        break;
      // An attempt before the one that is told of.
      case 'earlier-settled':
      case 'job-archived':
        break;
    }
  }

  #jobMoved(state: JobState, emit: (body: EventBody) => void, detail?: string): void {
    this.#jobState = state;
    emit({ ...this.#standing(), ...(detail !== undefined && { detail }) });
  }

  #rampMoved(ramp: RampState, emit: (body: EventBody) => void, detail?: string): void {
    emit({ ...this.#standing(), ramp, ...(detail !== undefined && { detail }) });
  }

  #standing(): EventBody<Extract<JobEventDocument, { type: 'job-state' }>> {
    const hold = this.#hold && { ...this.#hold };
    return { type: 'job-state', state: this.#jobState, counts: this.#countsNow(), ...(hold && { hold }) };
  }

  /** @param failed of a step that is over */
  #rampAt(step: number, failed?: number): RampState {
    const { steps, pauseMs } = this.#limits?.ramp ?? { steps: [], pauseMs: null };
    const last = steps.length + 1;
    const goesOn = failed === 0 && pauseMs !== null;
    const waitsFor = failed === undefined ? 'hosts' : goesOn ? 'pause' : 'confirmation';
    return { step: Math.min(step, last), steps: last, waitsFor, failed: failed ?? 0 };
  }

  #ended(entry: Extract<LogEntry, { type: 'job-ended' }>, emit: (body: EventBody) => void): void {
    this.#jobState = entry.state;
    emit(this.#stateNow(entry.deadlock && deadlockDocument(entry.deadlock)));
  }

  /** Where the job stands, and what held it up where that is known. */
  #stateNow(
    deadlock: DeadlockDocument | undefined,
  ): EventBody<Extract<JobEventDocument, { type: 'job-state' }>> {
    const id = formatJobId(this.#job);
    return {
      ...this.#standing(),
      ...(deadlock && { detail: deadlock.map((cause) => deadlockText(cause, id)).join('; '), deadlock }),
    };
  }

  #hostsMoved(hosts: HostSet, state: HostState, emit: (body: EventBody) => void): void {
    let count = 0;
    for (const host of hostIndexes(hosts)) {
      this.#set(host, stateNumber[state]);
      count++;
    }
    emit({ type: 'hosts-state', state, hosts: this.#names.fold(hosts), count });
  }

  /** Something that doesn't change where the hosts stand. */
  #hostsNoted(hosts: HostSet, detail: string, emit: (body: EventBody) => void): void {
    const byState = new Map<HostState, number[]>();
    for (const host of hostIndexes(hosts)) {
      const state = hostStates[this.#states[host]!]!;
      const others = byState.get(state);
      if (others) others.push(host);
      else byState.set(state, [host]);
    }
    for (const [state, indexes] of byState) emit({ ...this.#moved(state, indexes), detail });
  }

  /** Back to `permitted`, or halted where the attempt had ended as `unknown`: the table knows. */
  #refused(hosts: HostSet, emit: (body: EventBody) => void): void {
    const moved = new Map<HostState, number[]>();
    for (const host of hostIndexes(hosts)) {
      const to = nextHostState(hostStates[this.#states[host]!]!, 'refuse') ?? 'permitted';
      this.#set(host, stateNumber[to]);
      const others = moved.get(to);
      if (others) others.push(host);
      else moved.set(to, [host]);
    }
    for (const [state, indexes] of moved) emit(this.#moved(state, indexes));
  }

  #moved(state: HostState, hosts: number[]): EventBody<HostsStateEvent> {
    return { type: 'hosts-state', state, hosts: this.#names.fold(hosts), count: hosts.length };
  }

  #finished(host: number, attempt: number, outcome: Outcome): EventBody {
    return {
      type: 'host-finished',
      host: this.#names.name(host),
      attempt,
      outcome: outcomeDocument(outcome),
    };
  }

  #set(host: number, state: number): void {
    this.#counts[this.#states[host]!]!--;
    this.#counts[state]!++;
    this.#states[host] = state;
  }

  #countsNow(): HostCounts {
    const counts: HostCounts = {};
    for (const [at, count] of this.#counts.entries()) if (count > 0) counts[hostStates[at]!] = count;
    return counts;
  }
}

/** Beyond every position that a batch can have. */
const lastPosition = 999_999_999;

/** Where a follower goes on: everything up to this event was seen. */
export interface EventPosition {
  index: number;
  position: number;
}

/** Reads an event's id; undefined when it isn't one. */
export function parseEventId(text: string): EventPosition | undefined {
  const match = /^(\d{1,15})\.(\d{1,9})$/.exec(text);
  return match ? { index: Number(match[1]), position: Number(match[2]) } : undefined;
}

/** Whether the event with this id comes behind `seen`. */
export function isBehind(id: string, seen: EventPosition): boolean {
  const at = parseEventId(id)!;
  return at.index > seen.index || (at.index === seen.index && at.position > seen.position);
}

/** The outcome as the API shows it. */
export function outcomeDocument(
  outcome: Outcome,
): Extract<JobEventDocument, { type: 'host-finished' }>['outcome'] {
  const { methodsTried, ...rest } = outcome;
  return { ...rest, ...(methodsTried && { methodsTried: [...methodsTried] }) };
}
