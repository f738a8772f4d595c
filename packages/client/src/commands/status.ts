import { deadlockText, foldForPeople, type HostState, hostStates, isTerminal } from '@pogo/core';
import type { JobDocument, JobHostDocument } from '@pogo/protocol';
import { allHosts } from '../api/all-hosts.js';
import { command } from '../command-line/command.js';
import { flag, one, oneOf } from '../command-line/option.js';
import { neutralise } from '../render/escape.js';
import { credentialsAdvice, deadlockAdvice, unknownAdvice } from '../render/job-advice.js';
import { standingSentences } from '../render/standing-text.js';
import { countsText, durationText, outcomeText } from '../render/summary.js';
import { table } from '../render/table.js';
import { timeText } from '../render/time.js';
import { withJob } from './job-session.js';
import { printed } from './printed.js';

export default command({
  name: 'status',
  summary: 'Shows where a job stands, and its hosts by state.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: ['pogo status last', 'pogo status 12 --hosts', 'pogo status p12 --state failed --json'],
  options: {
    hosts: flag('--hosts', 'each host on a line of its own'),
    state: one('--state', 'only hosts in this state', {
      argument: 'STATE',
      parse: oneOf(hostStates),
      completes: hostStates,
    }),
    json: flag('--json', 'as a JSON document'),
  },
  run: ({ environment, options, operands }) =>
    withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const hosts = await allHosts(dispatcher, job.id, options.state);
      if (!hosts.ok) return hosts;
      if (options.json === true) {
        return printed(environment, `${JSON.stringify({ job, hosts: hosts.value }, undefined, 2)}\n`);
      }
      const each = options.hosts === true ? hostRows(hosts.value) : byState(hosts.value);
      return printed(environment, `${jobText(job)}${each}${unsettledRows(hosts.value)}${advice(job)}`);
    }),
});

function jobText(job: JobDocument): string {
  const ended =
    job.endedAtMs === undefined
      ? ''
      : `, ${job.state} after ${durationText(job.endedAtMs - job.acceptedAtMs)}`;
  const lines = [
    `${job.id}  ${job.state}  ${countsText(job.hosts, job.counts)}`,
    `${job.title}`,
    `by ${job.submitter} at ${timeText(job.acceptedAtMs)}${ended}`,
  ];
  if (job.halt) lines.push(`halt (${job.halt.cause}) by ${job.halt.by}${job.halt.kill ? ', with kill' : ''}`);
  for (const cause of job.deadlock ?? []) lines.push(`deadlock: ${deadlockText(cause, job.id)}`);
  return `${lines.map(neutralise).join('\n')}\n`;
}

function byState(hosts: readonly JobHostDocument[]): string {
  const groups = new Map<string, { state: HostState; label: string; names: string[] }>();
  for (const { host, state, outcome, released } of hosts) {
    const label = `${stateText(state, released)}${outcome?.reason === undefined ? '' : ` (${outcome.reason})`}`;
    const group = groups.get(label);
    if (group) group.names.push(host);
    else groups.set(label, { state, label, names: [host] });
  }
  const ordered = [...groups.values()].sort(
    (a, b) => hostStates.indexOf(a.state) - hostStates.indexOf(b.state),
  );
  return table(ordered.map(({ label, names }) => [`  ${label}`, String(names.length), foldForPeople(names)]));
}

function hostRows(hosts: readonly JobHostDocument[]): string {
  return table(
    hosts.map(({ host, state, outcome, worker, attempt, released }) => [
      `  ${host}`,
      // A host that waits for another attempt still has the outcome of the last one in some documents.
      outcome === undefined || !isTerminal(state)
        ? state
        : `${outcomeText({ outcome })}${released === true ? ', released' : ''}`,
      attempt > 1 ? `attempt ${attempt}` : '',
      outcome?.durationMs === undefined ? '' : durationText(outcome.durationMs),
      worker ?? '',
    ]),
  );
}

function stateText(state: HostState, released: boolean | undefined): string {
  return released === true ? `${state}, released` : state;
}

/** Why hosts stayed unknown when they were asked. */
function unsettledRows(hosts: readonly JobHostDocument[]): string {
  return hosts
    .filter(({ state, unsettled }) => state === 'unknown' && unsettled !== undefined)
    .map(({ host, unsettled }) => `  ${neutralise(`${host} was asked: ${unsettled}`)}\n`)
    .join('');
}

/** What to do about a job that doesn't go on by itself. */
function advice(job: JobDocument): string {
  const sentences = [
    ...standingSentences(job).map(neutralise),
    ...(job.state === 'needs-credentials' ? [credentialsAdvice(job.id)] : []),
    ...(job.deadlock !== undefined ? [deadlockAdvice(job.id)] : []),
    ...((job.counts.unknown ?? 0) > 0 ? [unknownAdvice(job.id)] : []),
  ];
  return sentences.map((sentence) => `${sentence}\n`).join('');
}
