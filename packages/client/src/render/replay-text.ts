/** An ended job beside what it would have been under other limits, for people. Pure. */
import { foldForPeople, resolveTargets } from '@pogo/core';
import type { JobDocument, ReplayResponse, ReplayRun } from '@pogo/protocol';
import { neutralise } from './escape.js';
import { countsText, durationText } from './summary.js';
import { table } from './table.js';

/** A column for what happened, one for the same limits replayed, and one for others; a row for the time and each slot. */
export function replayText(
  { id, state, title, hosts, counts }: Pick<JobDocument, 'id' | 'state' | 'title' | 'hosts' | 'counts'>,
  replay: ReplayResponse,
): string {
  const { observed, unchanged, changed } = replay;
  const runs = [unchanged, ...(changed === undefined ? [] : [changed])];
  const slots = [...new Set(runs.flatMap(({ peaks }) => peaks.map(({ slot }) => slot)))];
  const observedPeaks = new Map(observed?.peaks.map(({ slot, peak }) => [slot, peak]));
  const rows = [
    ['', 'as it was', 'replayed', ...(changed === undefined ? [] : ['with these limits'])],
    [
      'time',
      observed === undefined ? '' : timeText(observed.totalMs),
      ...runs.map((run) => timeText(run.totalMs)),
    ],
    ['ends', state, ...runs.map(({ ending }) => ending)],
    [
      'hosts at once',
      observed === undefined ? '' : String(observed.peak),
      ...runs.map(({ peak }) => String(peak)),
    ],
    ...slots.map((slot) => [
      slot,
      observed === undefined ? '' : String(observedPeaks.get(slot) ?? 0),
      ...runs.map((run) => peakText(run, slot)),
    ]),
  ];
  return [
    neutralise(`${id}  ${title}\n${countsText(hosts, counts)}\n\n`),
    table(rows),
    ...notes(replay).map((note) => neutralise(`${note}\n`)),
  ].join('');
}

function notes({ observed, assumedHosts, unchanged, changed }: ReplayResponse): string[] {
  const last = changed ?? unchanged;
  return [
    ...(observed === undefined
      ? ['what really happened is no longer in the log, or nothing of it ended']
      : []),
    ...(assumedHosts > 0
      ? [
          `${assumedHosts} ${assumedHosts === 1 ? 'host' : 'hosts'} without a known duration: taken to need the mean, and to succeed`,
        ]
      : []),
    ...(last.ending === 'cut' ? [`followed for the first ${last.startedHosts} hosts only`] : []),
    ...(last.never === '' ? [] : [`never starting: ${folded(last.never)}`]),
  ];
}

function folded(expression: string): string {
  const expanded = resolveTargets(expression);
  return expanded.ok ? foldForPeople(expanded.targets.map(({ host }) => host)) : expression;
}

function timeText(ms: number): string {
  return ms === 0 ? '0 s' : durationText(ms);
}

function peakText({ peaks }: ReplayRun, slot: string): string {
  const found = peaks.find((one) => one.slot === slot);
  return found === undefined ? 'no limit' : `${found.peak} of ${found.limit}`;
}
