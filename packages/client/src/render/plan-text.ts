import { resolveTargets } from '@pogo/core';
import type { PlanResponse } from '@pogo/protocol';
import type { Colors } from './colors.js';
import { neutralise } from './escape.js';
import { foldedNames, jobRows, loginRows, type Row, rowsText } from './spec-text.js';
import { durationText } from './summary.js';

/** A plan for people: what would run, as whom, where, in which order, within which limits. */
export function planText(plan: PlanResponse, colors: Colors): string {
  const { spec, limits, order } = plan;
  const known = spec.hostKeys.known.reduce((sum, { hosts }) => sum + countOf(hosts), 0);
  const rows: Row[] = [
    ...jobRows(spec),
    ['hosts', `${plan.hosts}: ${foldedNames(spec.targets)}`],
    ...loginRows(spec),
    ['host keys', `${spec.hostKeys.policy}; known for ${known} of ${plan.hosts} hosts`],
    [
      'time limits',
      `command ${durationText(spec.timeouts.commandMs)}, job ${durationText(limits.jobTimeoutMs)}`,
    ],
    ['at once', limits.concurrent === null ? 'no cap of its own' : `at most ${limits.concurrent} hosts`],
    [
      'failures',
      limits.maxFailures === null ? 'no budget' : `nothing new starts after ${limits.maxFailures}`,
    ],
    ['first', `${order.firstWaveHosts}: ${order.firstWave}`],
    ['then', `${order.remainingHosts} more, as these finish`],
    ['workers', plan.recipients.map(({ worker }) => worker).join(', ') || 'none connected'],
    ['digest', plan.digest],
  ];
  const warnings = plan.warnings.map((warning) => `${colors.yellow('warning')}: ${neutralise(warning)}\n`);
  return `${rowsText(rows, colors)}${warnings.join('')}`;
}

function countOf(expression: string): number {
  const expanded = resolveTargets(expression);
  return expanded.ok ? expanded.targets.length : 0;
}
