/**
 * Requests at a dispatcher that may not lead the namespace that they are about: what changes something, and what only a
 * leader knows, is handed on to it; the rest is answered from what the log says here.
 *
 * 1. Once: who gets a request that was handed on, and doesn't lead either, says so.
 * 2. A leader that can't be reached may be gone, and this dispatcher the next: it is tried again for a while. What may have
 *    arrived isn't sent again; whether it can be is for the client to know.
 * 3. Whoever changed something here finds it here: the answer waits until it has come back through the log.
 */
import type { Clock } from '@pogo/lifecycle';
import { problemTypePrefix } from '@pogo/protocol';
import type { Leader } from '../leader/leader.js';
import { type ForwardedRequest, forwardedHeader, type ForwardOutcome } from '../peers/request-forwarder.js';
import { type Answer, problem } from './answer.js';
import { logIndexHeader, notSeenYet, shownIndex, withIndex } from './log-index.js';
import type { Route, RouteRequest } from './route.js';

export type Forward = (
  name: string,
  request: ForwardedRequest,
  signal: AbortSignal,
) => Promise<ForwardOutcome>;

/** A request, whose it is to answer, and how that is done where it is led. */
export interface Asked {
  leader: Leader;
  route: Pick<Route, 'serve'>;
  request: RouteRequest;
  /** Nothing older is to be shown. */
  minIndex?: number | undefined;
}

export interface LeaderAnswersOptions {
  /** Of this dispatcher. */
  name: string;
  forward: Forward;
  clock: Clock;
  /** (2): how long a request waits for a leader that can be reached, in milliseconds. */
  takeoverWaitMs: number;
}

/** (2), in milliseconds */
const againMs = 250;
/** How long one that has just started may take to know who leads, in milliseconds. */
const beginWaitMs = 2000;
/** (3), in milliseconds */
const returnWaitMs = 2000;
/** How long an answer waits for what the log doesn't say here yet, in milliseconds. */
const indexWaitMs = 5000;

/** What a leader may know better. */
const notHere: ReadonlySet<string> = new Set([
  `${problemTypePrefix}unknown-job`,
  `${problemTypePrefix}store-unavailable`,
]);

export class LeaderAnswers {
  readonly #options: LeaderAnswersOptions;

  constructor(options: LeaderAnswersOptions) {
    this.#options = options;
  }

  /** What changes something, or is for the leader alone. */
  async act({ leader, route, request }: Asked, signal: AbortSignal): Promise<Answer> {
    await leader.serving(beginWaitMs, signal);
    const elsewhere = await this.fromElsewhere(leader, request, signal);
    if (elsewhere !== undefined) return elsewhere;
    const answer = await route.serve(request, signal);
    return withIndex(answer, await shownIndex(leader));
  }

  /** What changes nothing. */
  async show({ leader, route, request, minIndex }: Asked, signal: AbortSignal): Promise<Answer> {
    await leader.serving(beginWaitMs, signal);
    if (minIndex !== undefined && !(await leader.reached(minIndex, indexWaitMs, signal)))
      return notSeenYet(minIndex);
    const index = await shownIndex(leader);
    const answer = await route.serve(request, signal);
    const isShown = answer.kind !== 'problem' || !notHere.has(answer.problem.type);
    if (isShown || !this.#isElsewhere(leader, request)) return withIndex(answer, index);
    return (await this.fromElsewhere(leader, request, signal)) ?? answer;
  }

  /** Resolves when it is known here who leads, or (2) nobody has taken over in time. */
  known(leader: Leader, signal: AbortSignal): Promise<void> {
    return leader.serving(this.#options.takeoverWaitMs, signal);
  }

  /** Whether somebody else is known to lead; otherwise whatever is asked is answered here. */
  #isElsewhere(leader: Leader, { headers }: Pick<RouteRequest, 'headers'>): boolean {
    const by = leader.takenBy;
    return by !== undefined && by !== this.#options.name && headers[forwardedHeader] === undefined;
  }

  /** The leader's answer; undefined when it is to be answered here. Rejects with a StoreError. */
  async fromElsewhere(
    leader: Leader,
    request: RouteRequest,
    signal: AbortSignal,
  ): Promise<Answer | undefined> {
    const { clock, forward, takeoverWaitMs } = this.#options;
    const untilMs = clock.monotonicMs() + takeoverWaitMs;
    const { method, url, headers, body } = request;
    const forwarded = { method: method as ForwardedRequest['method'], path: url, headers, body };
    while (this.#isElsewhere(leader, request)) {
      const by = leader.takenBy!;
      const outcome = await forward(by, forwarded, signal);
      if (outcome.kind === 'answered') return this.#returned(leader, outcome, method, signal);
      if (outcome.kind === 'in-doubt') return brokenOff(by, outcome.cause);
      if (signal.aborted || clock.monotonicMs() >= untilMs) return unreachable(by, outcome.cause);
      await leader.soon(againMs, signal);
    }
    return undefined;
  }

  /** (3) */
  async #returned(
    leader: Leader,
    { answer, headers }: Extract<ForwardOutcome, { kind: 'answered' }>,
    method: string,
    signal: AbortSignal,
  ): Promise<Answer> {
    const index = Number(headers[logIndexHeader]);
    if (method !== 'GET' && Number.isInteger(index)) await leader.reached(index, returnWaitMs, signal);
    return answer;
  }
}

function brokenOff(name: string, cause: string): Answer {
  return problem(
    'leader-broke-off',
    `Dispatcher ${name}, which leads, broke off before it answered (${cause}), so it isn't known whether it carried this out: look, or send it again if that does no harm.`,
    { headers: { 'retry-after': '1' } },
  );
}

function unreachable(name: string, cause: string): Answer {
  return problem(
    'store-unavailable',
    `Dispatcher ${name} took the lead last, and can't be reached (${cause}); nothing was sent. Try again shortly: another one takes over when its session has ended.`,
    { headers: { 'retry-after': '1' } },
  );
}
