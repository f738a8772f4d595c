/** Where the hosts of a followed job stand, as its events tell it. Pure; hearing an event twice changes nothing. */
import {
  type HostState,
  hostStates,
  isEnded,
  isTerminal,
  type JobState,
  type OutcomeState,
  resolveTargets,
} from '@pogo/core';
import type { JobEventDocument, JobHostDocument, RampState } from '@pogo/protocol';

export type FinishedHost = Extract<JobEventDocument, { type: 'host-finished' }>;
export type JobStateEvent = Extract<JobEventDocument, { type: 'job-state' }>;

export class JobProgress {
  readonly total: number;
  state: JobState = 'accepted';
  /** Who holds it. */
  hold: { readonly by: string } | undefined;
  /** Where its ramp stands, as far as it was told. */
  ramp: RampState | undefined;
  /** Details of the job's changes: why it was halted. */
  readonly details: string[] = [];
  readonly #states = new Map<string, HostState>();
  readonly #counts = new Map<HostState, number>();
  readonly #finished = new Map<string, FinishedHost>();
  /** The latest end of each host that is no news any more. */
  readonly #told = new Map<string, { attempt: number; state: OutcomeState }>();
  /** Hosts whose end was news. */
  readonly #news = new Set<string>();

  /** @param known where the hosts stood when following began: ends that come before are told as history, not as news */
  constructor(total: number, known: readonly JobHostDocument[] = []) {
    this.total = total;
    for (const { host, attempt, outcome } of known)
      if (outcome !== undefined) this.#told.set(host, { attempt, state: outcome.state });
  }

  /** Takes an event in; true when it is a host's end that wasn't known. */
  take(event: JobEventDocument): boolean {
    switch (event.type) {
      case 'job-state':
        // What had stopped it before it went on is no longer why it stands where it does.
        if (isEnded(this.state) || this.state === 'needs-credentials' || this.state === 'held') {
          if (event.state === 'running') this.details.length = 0;
        }
        this.state = event.state;
        this.hold = event.hold;
        this.ramp = isEnded(event.state) ? undefined : (event.ramp ?? this.ramp);
        if (event.detail !== undefined && !this.details.includes(event.detail))
          this.details.push(event.detail);
        return false;
      case 'hosts-state': {
        const expanded = resolveTargets(event.hosts);
        if (expanded.ok) for (const { host } of expanded.targets) this.#set(host, event.state);
        return false;
      }
      case 'host-finished': {
        this.#set(event.host, event.outcome.state);
        this.#finished.set(event.host, event);
        if (!this.#isNews(event)) return false;
        this.#told.set(event.host, { attempt: event.attempt, state: event.outcome.state });
        this.#news.add(event.host);
        return true;
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

  /** The ends that were news: all of them, unless following began later. */
  get news(): FinishedHost[] {
    return [...this.#finished.values()].filter(({ host }) => this.#news.has(host));
  }

  /** A later attempt, or evidence for one that was unknown (E2). */
  #isNews({ host, attempt, outcome }: FinishedHost): boolean {
    const told = this.#told.get(host);
    if (told === undefined || attempt > told.attempt) return true;
    return attempt === told.attempt && told.state === 'unknown' && outcome.state !== 'unknown';
  }

  #set(host: string, state: HostState): void {
    const before = this.#states.get(host);
    if (before === state) return;
    // Another attempt: how the last one ended is not how the host stands.
    if (!isTerminal(state)) this.#finished.delete(host);
    if (before !== undefined) this.#counts.set(before, this.#counts.get(before)! - 1);
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
    this.#states.set(host, state);
  }
}
