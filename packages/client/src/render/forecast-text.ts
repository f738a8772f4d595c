/** What a job would do, for people: a line for hosts that start for the same reason, wave after wave. Pure. */
import { foldForPeople, resolveTargets } from '@pogo/core';
import type { BindingDocument, EstimateDocument, ForecastDocument } from '@pogo/protocol';
import { durationText } from './summary.js';
import { table } from './table.js';

/** Lines of the table that are shown. */
const shownLines = 40;

/** Hosts that start in consecutive waves, and waited for the same. */
interface Line {
  firstWave: number;
  lastWave: number;
  firstMs: number | undefined;
  lastMs: number | undefined;
  count: number;
  /** Folded, by wave. */
  hosts: string[];
  waitedFor: string;
}

/** The waves as a table; empty when nothing starts. */
export function wavesText(forecast: ForecastDocument): string {
  const lines = linesOf(forecast);
  if (lines.length === 0) return '';
  const isTimed = lines.some(({ firstMs }) => firstMs !== undefined);
  const rows = lines
    .slice(0, shownLines)
    .map((line) => [
      line.firstWave === line.lastWave ? `${line.firstWave}` : `${line.firstWave}-${line.lastWave}`,
      ...(isTimed ? [timesText(line)] : []),
      String(line.count),
      foldedForPeople(line.hosts),
      line.waitedFor,
    ]);
  const heading = ['wave', ...(isTimed ? ['after'] : []), 'hosts', 'which', 'waited for'];
  const more = lines.length - shownLines;
  const isCut = forecast.waveCount > forecast.waves.length;
  return [
    table([heading, ...rows]),
    ...(more > 0 ? [`… and ${more} more lines: --json has all of it\n`] : []),
    ...(isCut ? [`… and waves up to ${forecast.waveCount}\n`] : []),
  ].join('');
}

/** One line a host: its wave, and what it waited for. */
export function hostWavesText(forecast: ForecastDocument): string {
  const rows: string[][] = [];
  forecast.waves.forEach(({ starts, atMs }, index) => {
    for (const { hosts, waitedFor } of starts) {
      for (const host of expanded(hosts))
        rows.push([
          host,
          String(index + 1),
          ...(atMs === undefined ? [] : [durationText(atMs)]),
          bindingsText(waitedFor),
        ]);
    }
  });
  for (const { hosts } of forecast.never) {
    for (const host of expanded(hosts))
      rows.push([host, 'never', ...(rows[0]?.length === 4 ? [''] : []), 'see the warnings']);
  }
  return rows.length === 0 ? '' : table(rows);
}

/** How long it takes, and from what that is known. */
export function estimateText(
  { from, attempts, jobs, perHostMs, totalMs }: EstimateDocument,
  ending: ForecastDocument['ending'],
): string {
  if (perHostMs === undefined || from === 'unknown')
    return 'unknown: neither this command nor another one on these hosts was seen to end';
  const known = `${durationText(perHostMs)} a host, the mean of ${attempts} earlier ${attempts === 1 ? 'attempt' : 'attempts'} of ${from === 'command' ? 'this command' : 'other commands on these hosts'} (${someJobs(jobs)})`;
  if (totalMs !== undefined) return `about ${durationText(totalMs)}: ${known}`;
  return `unknown, since ${ending === 'cut' ? 'it is not worked out to the end' : 'it never ends by itself'}: ${known}`;
}

function someJobs(jobs: readonly string[]): string {
  return jobs.length > 3 ? `${jobs.slice(0, 3).join(', ')}, …` : jobs.join(', ');
}

function linesOf({ waves }: ForecastDocument): Line[] {
  const lines: Line[] = [];
  const open = new Map<string, Line>();
  waves.forEach(({ atMs, starts }, index) => {
    for (const { hosts, count, waitedFor } of starts) {
      const text = bindingsText(waitedFor);
      const wave = index + 1;
      const line = open.get(text);
      if (line?.lastWave === wave - 1) {
        Object.assign(line, { lastWave: wave, lastMs: atMs, count: line.count + count });
        line.hosts.push(hosts);
        continue;
      }
      const begun: Line = {
        firstWave: wave,
        lastWave: wave,
        firstMs: atMs,
        lastMs: atMs,
        count,
        hosts: [hosts],
        waitedFor: text,
      };
      open.set(text, begun);
      lines.push(begun);
    }
  });
  return lines;
}

function timesText({ firstMs, lastMs }: Line): string {
  const first = firstMs === undefined || firstMs === 0 ? '0 s' : durationText(firstMs);
  return lastMs === undefined || lastMs === firstMs ? first : `${first} to ${durationText(lastMs)}`;
}

function bindingsText(bindings: readonly BindingDocument[]): string {
  return bindings.length === 0 ? 'nothing' : bindings.map(bindingText).join(' and ');
}

function bindingText(binding: BindingDocument): string {
  switch (binding.kind) {
    case 'slot':
      return `${binding.slot} ${binding.use}/${binding.limit}`;
    case 'stage':
      return `${binding.stage} to be done`;
    case 'own-cap':
      return `the job's own limit of ${binding.concurrent}`;
    case 'ramp':
      return `step ${binding.step} of the ramp`;
    case 'busy':
      return 'another job on the host';
    case 'worker':
      return 'a worker with room';
    case 'other':
      return 'the end of another job';
  }
}

function foldedForPeople(expressions: readonly string[]): string {
  return foldForPeople(expressions.flatMap(expanded));
}

function expanded(expression: string): string[] {
  const targets = resolveTargets(expression);
  return targets.ok ? targets.targets.map(({ host }) => host) : [expression];
}
