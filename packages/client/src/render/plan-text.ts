import { resolveTargets } from '@pogo/core';
import type { PlanResponse } from '@pogo/protocol';
import type { Colors } from './colors.js';
import { neutralise } from './escape.js';
import { estimateText, hostWavesText, wavesText } from './forecast-text.js';
import { budgetText, capText, rampText } from './limits-text.js';
import { foldedNames, jobRows, loginRows, type Row, rowsText } from './spec-text.js';
import { durationText } from './summary.js';

/** A plan for people: what would run, as whom, where, in which order, within which limits; `perHost` has a line for each host. */
export function planText(plan: PlanResponse, colors: Colors, perHost = false): string {
  const { spec, limits, forecast } = plan;
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
    ['at once', capText(limits)],
    ['failures', budgetText(limits)],
    ...(limits.ramp === undefined ? [] : [['ramp', rampText(limits)] satisfies Row]),
    ...orderRows(plan),
    ['workers', plan.recipients.map(({ worker }) => worker).join(', ') || 'none connected'],
    ['digest', plan.digest],
  ];
  const warnings = plan.warnings.map((warning) => `${colors.yellow('warning')}: ${neutralise(warning)}\n`);
  const waves = forecast === undefined ? '' : (perHost ? hostWavesText : wavesText)(forecast);
  return `${rowsText(rows, colors)}${waves === '' ? '' : `\n${waves}`}${waves === '' || warnings.length === 0 ? '' : '\n'}${warnings.join('')}`;
}

/** Which hosts start at once, how many follow, and how long it takes. */
function orderRows({ order, forecast, estimate }: PlanResponse): Row[] {
  if (order === undefined || forecast === undefined) return [];
  const { firstWave, firstWaveHosts, remainingHosts } = order;
  const { waveCount, ending } = forecast;
  const others = waveCount - Number(firstWaveHosts > 0);
  return [
    ['first', firstWaveHosts === 0 ? 'no host can start at once' : `${firstWaveHosts}: ${firstWave}`],
    ...(remainingHosts > 0
      ? [['then', `${remainingHosts} more, in ${others} ${others === 1 ? 'wave' : 'waves'}`] as Row]
      : []),
    ['estimate', estimateText(estimate, ending)],
  ];
}

function countOf(expression: string): number {
  const expanded = resolveTargets(expression);
  return expanded.ok ? expanded.targets.length : 0;
}
