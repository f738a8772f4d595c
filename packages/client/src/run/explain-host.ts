/** Why one host of a job is where it is: what it waits for, and each entry of the log that decided about it. */
import { hostKey, type HostState, resolveTargets } from '@pogo/core';
import type { Explanation, JobEventDocument, ObstacleDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import { readLines } from '../api/line-reader.js';
import { exitCodes, failed, type Result, success } from '../failure.js';

export interface HostDecision {
  /** Index in the log; absent where the log no longer has it, and only what came of it is known. */
  entry?: number;
  atMs: number;
  state: HostState;
  /** Where the attempt has ended. */
  attempt?: number;
  reason?: string;
  detail?: string;
}

export interface HostExplanation {
  job: string;
  /** Of the job. */
  state: Explanation['state'];
  host: string;
  hostState: HostState;
  /** All of what it waits for; empty unless it waits. */
  waiting: ObstacleDocument[];
  /** In the order of the log. */
  decisions: HostDecision[];
}

/** Fails with `unknown-hosts` where the job has no such host. */
export async function explainHost(
  dispatcher: Dispatcher,
  explanation: Explanation,
  host: string,
): Promise<Result<HostExplanation>> {
  const { job, state } = explanation;
  const read = await decisionsAbout(dispatcher, job, host);
  if (!read.ok) return read;
  const decisions = read.value;
  const waits = explanation.waiting.find((group) => names(group.hosts, host));
  const last = decisions.at(-1);
  if (waits === undefined && last === undefined) {
    return failed({
      code: 'unknown-hosts',
      message: `${host} is not among the hosts of ${job}: \`pogo status ${job} --hosts\` lists them`,
      exitCode: exitCodes.usage,
    });
  }
  return success({
    ...{ job, state, host, hostState: last?.state ?? 'waiting' },
    waiting: waits?.obstacles ?? [],
    decisions,
  });
}

async function decisionsAbout(
  dispatcher: Dispatcher,
  job: string,
  host: string,
): Promise<Result<HostDecision[]>> {
  const [streaming, { jobEventSchema }] = await Promise.all([
    dispatcher.stream(`/v1/jobs/${job}/events`, { headers: { accept: 'application/x-ndjson' } }),
    dispatcher.schemas(),
  ]);
  if (!streaming.ok) return streaming;
  const decisions: HostDecision[] = [];
  try {
    for await (const line of readLines(streaming.value)) {
      if (line === '') continue;
      const decision = decisionOf(jobEventSchema.parse(JSON.parse(line)), host);
      if (decision !== undefined) decisions.push(decision);
    }
  } catch {
    streaming.value.destroy();
    return failed({
      code: 'answer-broken',
      message: `the dispatcher at ${dispatcher.url} broke off, or said something else than expected, while it told what happened in ${job}: try again, and see \`pogo ping\``,
      exitCode: exitCodes.error,
    });
  }
  return success(decisions);
}

function decisionOf(event: JobEventDocument, host: string): HostDecision | undefined {
  if (event.type === 'job-state') return undefined;
  const { atMs } = event;
  // The log begins with somebody taking the lead: an entry 0 stands for what the log no longer has.
  const index = Number(event.id.split('.')[0]);
  const when = { ...(index > 0 && { entry: index }), atMs };
  if (event.type === 'hosts-state') {
    if (!names(event.hosts, host)) return undefined;
    return { ...when, state: event.state, ...(event.detail !== undefined && { detail: event.detail }) };
  }
  if (hostKey(event.host) !== hostKey(host)) return undefined;
  const { state, reason, message } = event.outcome;
  return {
    ...when,
    state,
    attempt: event.attempt,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { detail: message }),
  };
}

function names(folded: string, host: string): boolean {
  const expanded = resolveTargets(folded);
  return expanded.ok && expanded.targets.some((target) => hostKey(target.host) === hostKey(host));
}
