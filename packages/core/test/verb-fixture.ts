/** What the tests of verbs share: jobs in the states that people act on, and how they act. */
import {
  type CredentialsAtHand,
  decideReports,
  decideRetry,
  hostIndexes,
  type JobRecord,
  type LogEntry,
  type Outcome,
} from '@pogo/core';
import { Leader } from './job-fixture.js';

export const by = 'ada';
export const succeeded: Outcome = { state: 'succeeded', exitCode: 0 };
export const failed: Outcome = { state: 'failed', reason: 'exit-nonzero', exitCode: 1 };
export const unreachable: Outcome = { state: 'unreachable', reason: 'dns' };
export const unknown: Outcome = { state: 'unknown', reason: 'rexec-lost' };
export const given: CredentialsAtHand = { kind: 'given', recipients: ['kid-a'] };

export const recordOf = (leader: Leader, job: number): JobRecord => leader.state.jobs.get(job)!;
export const statesOf = (leader: Leader, job: number) =>
  recordOf(leader, job).hosts.map(({ state }) => state);

/** The host's present attempt has ended so, says the worker. */
export function report(leader: Leader, job: number, host: number, outcome: Outcome, worker = 'a'): void {
  const { attempt } = recordOf(leader, job).hosts[host]!;
  const { entries } = decideReports(leader.state, worker, [
    { job, host, attempt, event: 'finished', outcome },
  ]);
  leader.append(entries);
}

/** Appends what was decided; throws where it was refused. */
export function decide(leader: Leader, decision: { kind: string; entries?: LogEntry[] }): void {
  if (decision.entries === undefined) throw new Error(decision.kind);
  leader.append(decision.entries);
}

export function retry(leader: Leader, job: number, hosts?: number[], fence = false) {
  return decideRetry(recordOf(leader, job), { hosts, by, fence, credentials: given });
}

/** Indexes of the hosts that were assigned. */
export function ordersIn(entries: readonly LogEntry[]): number[] {
  return entries.flatMap((entry) => (entry.type === 'hosts-assigned' ? [...hostIndexes(entry.hosts)] : []));
}

/** An ended job of one host whose outcome is unknown. */
export function withUnknown(outcome: Outcome = unknown): { leader: Leader; job: number } {
  const leader = new Leader();
  const job = leader.accept({ hosts: 1 });
  leader.plan();
  report(leader, job, 0, outcome);
  leader.plan();
  return { leader, job };
}
