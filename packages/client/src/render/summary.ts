/** What a job came to, for people: counts, then failures grouped by reason with their hosts folded and what to do. Pure. */
import { foldForPeople, type HostState, hostStates, isTerminal, reasons, type ReasonCode } from '@pogo/core';
import type { FinishedHost, JobProgress } from '../run/job-progress.js';
import type { Colors } from './colors.js';
import { neutralise } from './escape.js';
import { unknownAdvice } from './job-advice.js';

/** `3 hosts: 2 succeeded, 1 failed`. */
export function countsText(total: number, counts: Readonly<Partial<Record<HostState, number>>>): string {
  const parts = hostStates
    .filter((state) => (counts[state] ?? 0) > 0)
    .map((state) => `${counts[state]} ${state}`);
  return `${total} host${total === 1 ? '' : 's'}${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`;
}

/** What an outcome says in a few words: `failed (exit-nonzero): exit status 5`. */
export function outcomeText({ outcome }: Pick<FinishedHost, 'outcome'>): string {
  const { state, reason, exitCode, signal, message } = outcome;
  const detail =
    message !== undefined
      ? neutralise(message)
      : reason === 'exit-nonzero' && exitCode !== undefined
        ? `exit status ${exitCode}`
        : signal;
  return `${state}${reason === undefined ? '' : ` (${reason})`}${detail === undefined ? '' : `: ${detail}`}`;
}

const shownMessages = 3;

/** The end of a run, several lines. `durationMs` is what it took. */
export function summaryText(
  progress: JobProgress,
  job: { readonly id: string; readonly durationMs?: number | undefined },
  colors: Colors,
): string {
  const time = job.durationMs === undefined ? '' : ` in ${durationText(job.durationMs)}`;
  const tint = progress.state === 'succeeded' ? colors.green : colors.red;
  const lines = [
    `${job.id} ${tint(progress.state)}${time}: ${countsText(progress.total, progress.counts())}`,
  ];
  // What to do about credentials is said by whoever leaves the job for that.
  const details = progress.state === 'needs-credentials' ? [] : progress.details;
  for (const detail of details) lines.push(`  ${neutralise(detail)}`);
  for (const { reason, state, hosts } of failureGroups(progress.finished)) {
    const label = reason === undefined ? state : `${state} (${reason})`;
    lines.push(`  ${colors.red(label)}: ${foldForPeople(hosts.map(({ host }) => host))}`);
    const statuses = statusText(hosts);
    const examples = statuses === undefined ? shownMessagesOf(hosts) : [statuses];
    for (const example of examples) lines.push(`    ${neutralise(example)}`);
    if (reason !== undefined) lines.push(`    ${colors.dim(reasons[reason].advice)}`);
  }
  for (const state of hostStates) {
    if (state === 'succeeded') continue;
    const hosts = progress.hostsIn(state);
    const named = new Set(
      [...progress.finished].filter(({ outcome }) => outcome.state === state).map(({ host }) => host),
    );
    const others = hosts.filter((host) => !named.has(host));
    if (others.length > 0)
      lines.push(`  ${isTerminal(state) ? colors.yellow(state) : state}: ${foldForPeople(others)}`);
  }
  const cut = [...progress.finished].filter(({ outcome }) => (outcome.outputCutBytes ?? 0) > 0);
  if (cut.length > 0) lines.push(`  ${colors.yellow('output cut')}: ${cutHosts(cut)}`);
  if (progress.count('unknown') > 0) lines.push(`  ${unknownAdvice(job.id)}`);
  return `${lines.join('\n')}\n`;
}

/** `web[1-2]: 4096 bytes were not kept, the most of one host`. */
function cutHosts(cut: readonly FinishedHost[]): string {
  const most = cut.reduce((bytes, { outcome }) => Math.max(bytes, outcome.outputCutBytes ?? 0), 0);
  const names = foldForPeople(cut.map(({ host }) => host));
  return `${names}: ${most} bytes were not kept${cut.length === 1 ? '' : ', the most of one host'}`;
}

interface FailureGroup {
  readonly reason: ReasonCode | undefined;
  readonly state: HostState;
  readonly hosts: FinishedHost[];
}

/** Hosts that did not succeed, by reason, largest group first. */
function failureGroups(finished: Iterable<FinishedHost>): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const host of finished) {
    const { state, reason } = host.outcome;
    if (state === 'succeeded') continue;
    const key = `${state}\0${reason ?? ''}`;
    const group = groups.get(key);
    if (group) group.hosts.push(host);
    else groups.set(key, { state, reason, hosts: [host] });
  }
  return [...groups.values()].sort((a, b) => b.hosts.length - a.hosts.length);
}

/** A few examples; each names its host. */
function shownMessagesOf(hosts: readonly FinishedHost[]): string[] {
  const messages = [...new Set(hosts.flatMap(({ outcome }) => outcome.message ?? []))];
  const more = messages.length - shownMessages;
  return [...messages.slice(0, shownMessages), ...(more > 0 ? [`and ${more} more like these`] : [])];
}

/** `exit status 5 on 3 hosts, 7 on 1`. */
function statusText(hosts: readonly FinishedHost[]): string | undefined {
  const statuses = new Map<number, number>();
  for (const { outcome } of hosts) {
    if (outcome.reason !== 'exit-nonzero' || outcome.exitCode === undefined) continue;
    statuses.set(outcome.exitCode, (statuses.get(outcome.exitCode) ?? 0) + 1);
  }
  if (statuses.size === 0) return undefined;
  if (statuses.size === 1) return `exit status ${[...statuses.keys()][0]}`;
  return `exit status ${[...statuses]
    .sort((a, b) => b[1] - a[1])
    .map(([status, count]) => `${status} (${count})`)
    .join(', ')}`;
}

/** `340 ms`, `12.3 s`, `4 min 5 s`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}
