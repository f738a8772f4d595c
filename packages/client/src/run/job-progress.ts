/** Where the hosts of a followed job stand, as its events tell it. Pure; hearing an event twice changes nothing. */
import { type HostState, hostStates, isTerminal, type JobState, resolveTargets } from '@pogo/core';
import type { JobEventDocument } from '@pogo/protocol';

export type FinishedHost = Extract<JobEventDocument, { type: 'host-finished' }>;
export type JobStateEvent = Extract<JobEventDocument, { type: 'job-state' }>;

export class JobProgress {
  readonly total: number;
  state: JobState = 'accepted';
  /** Details of the job's changes: why it was halted. */
  readonly details: string[] = [];
  readonly #states = new Map<string, HostState>();
  readonly #counts = new Map<HostState, number>();
  readonly #finished = new Map<string, FinishedHost>();

  constructor(total: number) {
    this.total = total;
  }

  /** Takes an event in; true when it is a host's end that wasn't known. */
  take(event: JobEventDocument): boolean {
    switch (event.type) {
      case 'job-state':
        this.state = event.state;
        if (event.detail !== undefined && !this.details.includes(event.detail))
          this.details.push(event.detail);
        return false;
      case 'hosts-state': {
        const expanded = resolveTargets(event.hosts);
        if (expanded.ok) for (const { host } of expanded.targets) this.#set(host, event.state);
        return false;
      }
      case 'host-finished': {
        const known = this.#finished.get(event.host);
        this.#set(event.host, event.outcome.state);
        this.#finished.set(event.host, event);
        return known?.attempt !== event.attempt || known.outcome.state !== event.outcome.state;
      }
    }
  }

  /** Hosts in a state; those that no event has named yet are waiting. */
  count(state: HostState): number {
    const told = this.#counts.get(state) ?? 0;
    return state === 'waiting' ? told + this.total - this.#states.size : told;
  }

  /** Hosts that are done, whatever came of it. */
  get done(): number {
    return hostStates.filter(isTerminal).reduce((sum, state) => sum + this.count(state), 0);
  }

  counts(): Partial<Record<HostState, number>> {
    return Object.fromEntries(
      hostStates.map((state) => [state, this.count(state)] as const).filter(([, count]) => count > 0),
    );
  }

  /** Names of the hosts in a state; waiting ones that no event has named are left out. */
  hostsIn(state: HostState): string[] {
    return [...this.#states].filter(([, at]) => at === state).map(([host]) => host);
  }

  /** Hosts that no event has named are waiting. */
  stateOf(host: string): HostState {
    return this.#states.get(host) ?? 'waiting';
  }

  knows(host: string): boolean {
    return this.#states.has(host);
  }

  get finished(): Iterable<FinishedHost> {
    return this.#finished.values();
  }

  #set(host: string, state: HostState): void {
    const before = this.#states.get(host);
    if (before === state) return;
    if (before !== undefined) this.#counts.set(before, this.#counts.get(before)! - 1);
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
    this.#states.set(host, state);
  }
}
