/** What became of a job, and whether its limits were kept, for people. Pure. */
import type { JobReportDocument, Verdict } from '@pogo/protocol';
import { neutralise } from './escape.js';
import { countsText, durationText } from './summary.js';
import { table } from './table.js';
import { timeText } from './time.js';

type Instant = JobReportDocument['periods'][number]['from'];

export function reportText(report: JobReportDocument): string {
  const { job, state, title, submitter, hosts, counts, periods, durationMs, attempts, failures } = report;
  const lines = [`${job} ${state}  ${countsText(hosts, counts)}`, title, `by ${submitter}`];
  for (const { from, to, state: end } of periods) {
    const lasted = to === undefined ? '' : ` to ${instantText(to)}, ${durationText(to.atMs - from.atMs)}`;
    lines.push(`open from ${instantText(from)}${lasted}${end === undefined ? '' : `: ${end}`}`);
  }
  if (periods.length !== 1) lines.push(`in all ${durationText(durationMs)}`);
  lines.push(attemptsText(attempts));
  for (const { state: end, reason, count, hosts: names } of failures)
    lines.push(`  ${end}${reason === undefined ? '' : ` (${reason})`}: ${count}: ${names}`);
  const parts = [
    `${lines.map(neutralise).join('\n')}\n`,
    slotsText(report),
    sequencesText(report),
    violationsText(report),
    conclusion(report),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function attemptsText({ total, retriedHosts, most, failed }: JobReportDocument['attempts']): string {
  const text = `${total} ${total === 1 ? 'attempt' : 'attempts'}, ${failed} of them did not succeed`;
  if (retriedHosts === 0) return text;
  return `${text}; ${retriedHosts} ${retriedHosts === 1 ? 'host' : 'hosts'} tried again, up to ${most} times`;
}

/** Every limit: the most at once against what was allowed, when, and who. */
function slotsText({ own, slots }: JobReportDocument): string {
  const rows = [
    ...own.flatMap(({ limit, peak, at, verdict }) =>
      limit === undefined
        ? []
        : [["the job's own limit", `${peak} of ${limit}`, '', whenText(at), verdict, '']],
    ),
    ...slots.map(({ slot, peak, limit, written, version, at, hosts, verdict }) => [
      slot,
      `${peak} of ${limit}${written === String(limit) ? '' : ` (${written})`}`,
      `version ${version}`,
      whenText(at),
      verdict,
      hosts,
    ]),
  ];
  if (rows.length === 0) return '';
  return table([
    ['limit', 'most at once', 'file', 'first at', 'verdict', 'hosts'],
    ...rows.map((row) => row.map((cell, column) => (column === 4 ? verdictText(cell as Verdict) : cell))),
  ]);
}

function sequencesText({ sequences }: JobReportDocument): string {
  if (sequences.length === 0) return '';
  return table([
    ['sequence', 'where', 'last of the first done', 'first of the second let go', 'verdict'],
    ...sequences.map(
      ({ environment, before, hostsBefore, after, hostsAfter, lastEnd, firstStart, verdict }) => [
        `${before} (${hostsBefore}), ${after} (${hostsAfter})`,
        environment,
        whenText(lastEnd),
        whenText(firstStart),
        verdictText(verdict),
      ],
    ),
  ]);
}

function violationsText({ slots }: JobReportDocument): string {
  return slots
    .flatMap(({ slot, limit, violations, violated }) => [
      ...violated.map(
        ({ host, use, index, atMs }) =>
          `${slot}: ${host} was permitted at ${instantText({ index, atMs })}, which made ${use} where ${limit} may be`,
      ),
      ...(violations > violated.length ? [`${slot}: and ${violations - violated.length} more`] : []),
    ])
    .map((line) => `${neutralise(line)}\n`)
    .join('');
}

function conclusion({ verdict, missing, own, slots, sequences, unconstrained }: JobReportDocument): string {
  const lines = missing.map((sentence) => `missing: ${sentence}`);
  const checked = own.filter(({ limit }) => limit !== undefined).length + slots.length + sequences.length;
  if (unconstrained) lines.push('the job was run with --unconstrained: limits did not hold it back');
  switch (verdict) {
    case 'violated':
      lines.push('VIOLATED: see above');
      break;
    case 'unproven':
      lines.push('not proven: nothing was violated in what is on record, and not all of it is');
      break;
    case 'exceeded':
      lines.push(
        'kept: nobody was permitted beyond a limit; more counted for a while, from jobs run with --unconstrained or from before a limit was lowered',
      );
      break;
    case 'kept':
      lines.push(
        checked === 0 ? 'no limit or sequence was about this job' : 'kept: every limit and every sequence',
      );
  }
  return lines.map((line) => `${neutralise(line)}\n`).join('');
}

function verdictText(verdict: Verdict): string {
  return verdict === 'violated' ? 'VIOLATED' : verdict;
}

/** `2026-11-22 16:05:07.120 (entry 42)` */
function instantText({ atMs, index }: Instant): string {
  return `${timeText(atMs)}.${String(Math.floor(atMs) % 1000).padStart(3, '0')} (entry ${index})`;
}

function whenText(at: Instant | undefined): string {
  return at === undefined ? '-' : instantText(at);
}
