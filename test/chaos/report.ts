/** What a run of chaos says: a line for each round, and a table at the end. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Violation } from '@pogo/simulator';
import type { Judge } from './judge.js';
import type { RoundResult } from './round.js';

export interface ToldRound extends RoundResult {
  readonly round: number;
  readonly fault: string;
  readonly violations: readonly Violation[];
}

export function roundLine({
  round,
  fault,
  what,
  faultMs,
  tookMs,
  settledMs,
  commands,
  counts,
  gaps,
  violations,
}: ToldRound): string {
  const verdict =
    violations.length === 0 ? 'I1-I9 hold' : violations.map(({ rule }) => rule).join(', ') + ' VIOLATED';
  return (
    `round ${round}: ${fault} (${what}, ${seconds(faultMs)}): ${commands} commands, ${countsText(counts)}${gaps === 0 ? '' : `, ${gaps} gaps told`}; ` +
    `all ended ${seconds(settledMs)} after it; ${seconds(tookMs)}; ${verdict}`
  );
}

export function summary(options: {
  seed: number;
  hosts: number;
  told: readonly ToldRound[];
  judge: Judge;
  root: string;
}): string {
  const { seed, hosts, told, judge, root } = options;
  const faults = [...new Set(told.map(({ fault }) => fault))].sort();
  const width = Math.max(...faults.map((fault) => fault.length), 5);
  const rows = faults.map((fault) => {
    const own = told.filter((one) => one.fault === fault);
    const counts = sum(own.map(({ counts }) => counts));
    const slowest = Math.max(...own.map(({ settledMs }) => settledMs));
    return `${fault.padEnd(width)}  ${String(own.length).padStart(6)}  ${seconds(slowest).padStart(8)}  ${countsText(counts)}`;
  });
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' });
  const commands = told.reduce((total, one) => total + one.commands, 0);
  return [
    '',
    `${'fault'.padEnd(width)}  rounds  longest*  hosts`,
    ...rows,
    '* from the end of the fault until every job had ended',
    '',
    `commit ${stdout.trim()}, ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}, seed ${seed}: ` +
      `${told.length} rounds on ${hosts} hosts, ${commands} commands, at most ${judge.peak} at once, ` +
      `${judge.silent} killed before they could note anything, ${judge.violations.length} violations`,
  ].join('\n');
}

function countsText(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

function sum(all: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const counts of all)
    for (const [state, count] of counts) total.set(state, (total.get(state) ?? 0) + count);
  return total;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
