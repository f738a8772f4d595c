import { foldForPeople, resolveTargets } from '@pogo/core';
import type { PlanResponse } from '@pogo/protocol';
import { commandText } from '../run/command-operands.js';
import type { Colors } from './colors.js';
import { neutralise } from './escape.js';
import { durationText } from './summary.js';

/** A plan for people: what would run, as whom, where, in which order, within which limits. */
export function planText(plan: PlanResponse, colors: Colors): string {
  const { spec, limits, order } = plan;
  const known = spec.hostKeys.known.reduce((sum, { hosts }) => sum + countOf(hosts), 0);
  const rows: [string, string][] = [
    [spec.command.kind === 'shell' ? 'shell string' : 'command', commandText(spec.command)],
    ['hosts', `${plan.hosts}: ${foldedNames(spec.targets)}`],
    ['account', `${spec.user}, port ${spec.port} unless a host names its own`],
    ['auth', spec.auth.methods.join(', then ')],
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
  const width = Math.max(...rows.map(([name]) => name.length));
  const lines = rows.map(([name, value]) => `${colors.bold(name.padEnd(width))}  ${neutralise(value)}`);
  for (const warning of plan.warnings) lines.push(`${colors.yellow('warning')}: ${neutralise(warning)}`);
  return `${lines.join('\n')}\n`;
}

function countOf(expression: string): number {
  const expanded = resolveTargets(expression);
  return expanded.ok ? expanded.targets.length : 0;
}

function foldedNames(expression: string): string {
  const expanded = resolveTargets(expression);
  return expanded.ok ? foldForPeople(expanded.targets.map(({ host }) => host)) : expression;
}
