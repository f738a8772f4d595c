/** Whether hosts of a later app of a sequence waited for those of earlier ones (S4), and when each began and ended. */
import type { CountedHost } from './counted-host.js';
import { isUnderWay } from './counted-host.js';
import type { CountedJob, LogPosition, Recount } from './recount.js';
import type { WrittenStep } from './written-limits.js';
import { isTerminal } from '../states.js';

/** One app after another in one environment value. */
export interface SequenceTimes {
  /** `coast=east` */
  readonly environment: string;
  /** The app that comes first, and how many hosts of the job are in it. */
  readonly before: string;
  readonly hostsBefore: number;
  readonly after: string;
  readonly hostsAfter: number;
  /** When the last host of the first was done; undefined while one isn't. */
  readonly lastEnd: LogPosition | undefined;
  /** When the first host of the second was permitted. */
  readonly firstStart: LogPosition | undefined;
  /** Hosts of the second that were permitted while some of the first were not done. */
  readonly violated: number;
}

interface Step {
  readonly step: WrittenStep;
  readonly hosts: Set<number>;
  readonly pending: Set<number>;
  lastEnd: LogPosition | undefined;
  firstStart: LogPosition | undefined;
  /** By the name of the earlier step. */
  readonly violated: Map<string, number>;
}

export class SequenceTimesOf {
  readonly #goesOnAfterFailure: boolean;
  #steps = new Map<string, Step>();
  #stepsOf = new Map<number, readonly Step[]>();

  constructor(options: { goesOnAfterFailure: boolean }) {
    this.#goesOnAfterFailure = options.goesOnAfterFailure;
  }

  /** Hosts of the job stand where this version of the namespace says; what was seen before stays, by the steps' names. */
  place(recount: Recount, job: CountedJob): void {
    const before = this.#steps;
    this.#steps = new Map();
    this.#stepsOf = new Map();
    job.names?.forEach((_, index) => {
      const member = recount.memberOf(job, index);
      const written = member === undefined ? [] : recount.limits!.stepsOf(member);
      if (written.length === 0) return;
      const steps = written.map((step) => this.#step(step, before.get(step.name)));
      this.#stepsOf.set(index, steps);
      const isDone = this.#isDone(job.hosts.get(index));
      for (const step of steps) {
        step.hosts.add(index);
        if (!isDone) step.pending.add(index);
      }
    });
  }

  /** A host of the job has changed; `began` says that it was permitted just now. */
  moved(index: number, host: CountedHost, began: boolean, at: LogPosition): void {
    const steps = this.#stepsOf.get(index);
    if (steps === undefined) return;
    const isDone = this.#isDone(host);
    for (const step of steps) {
      if (began) this.#begins(step, index, at);
      if (!isDone) step.pending.add(index);
      else if (step.pending.delete(index)) step.lastEnd = at;
    }
  }

  get all(): SequenceTimes[] {
    const steps = [...this.#steps.values()];
    return steps.flatMap((after) =>
      this.#nearestBefore(after).map((before) => ({
        environment: after.step.environment,
        before: before.step.app,
        hostsBefore: before.hosts.size,
        after: after.step.app,
        hostsAfter: after.hosts.size,
        lastEnd: before.pending.size === 0 ? before.lastEnd : undefined,
        firstStart: after.firstStart,
        violated: after.violated.get(before.step.name) ?? 0,
      })),
    );
  }

  #step(step: WrittenStep, before: Step | undefined): Step {
    let found = this.#steps.get(step.name);
    if (found === undefined) {
      found = {
        step,
        hosts: new Set(),
        pending: new Set(),
        lastEnd: before?.lastEnd,
        firstStart: before?.firstStart,
        violated: before?.violated ?? new Map(),
      };
      this.#steps.set(step.name, found);
    }
    return found;
  }

  #begins(step: Step, index: number, at: LogPosition): void {
    step.firstStart ??= at;
    for (const app of step.step.before) {
      const name = `${app}@${step.step.environment}`;
      const pending = this.#steps.get(name)?.pending;
      if (pending === undefined) continue;
      const isWaitedFor = pending.size > (pending.has(index) ? 1 : 0);
      if (isWaitedFor) step.violated.set(name, (step.violated.get(name) ?? 0) + 1);
    }
  }

  /** Steps with hosts of the job that come before this one, without those that come before another of them. */
  #nearestBefore({ step }: Step): Step[] {
    const earlier = [...step.before].flatMap((app) => this.#steps.get(`${app}@${step.environment}`) ?? []);
    const { violated } = this.#steps.get(step.name)!;
    return earlier.filter(
      (one) => violated.has(one.step.name) || !earlier.some((other) => other.step.before.has(one.step.app)),
    );
  }

  /** S4: it has succeeded, or was passed over; where the job goes on after a failure, any end will do that is one. */
  #isDone(host: CountedHost | undefined): boolean {
    if (host === undefined) return false;
    if (host.state === 'succeeded' || host.state === 'skipped') return true;
    return this.#goesOnAfterFailure && isTerminal(host.state) && !isUnderWay(host);
  }
}
