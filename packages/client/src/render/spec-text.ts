/** What a job's spec says, for people: rows of a name and a value. Pure. */
import { foldForPeople, resolveTargets } from '@pogo/core';
import type { JobSpec, ResolvedSpec } from '@pogo/protocol';
import { commandText } from '../run/command-operands.js';
import type { Colors } from './colors.js';
import { neutralise } from './escape.js';
import { durationText } from './summary.js';

export type Row = [name: string, value: string];

/** One row a line, the values under each other; further lines of a value are indented, so that none looks like a row. */
export function rowsText(rows: readonly Row[], colors: Colors): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  const indented = `\n${' '.repeat(width + 2)}`;
  return rows
    .map(([name, value]) => {
      const text = neutralise(value).replaceAll('\n', indented);
      return `${colors.bold(name.padEnd(width))}  ${text}\n`;
    })
    .join('');
}

/** What somebody has to look at before credentials are sealed for it. */
export function specText({ spec, digest, recipients }: JobSpec, colors: Colors): string {
  const targets = resolveTargets(spec.targets);
  return rowsText(
    [
      ...jobRows(spec),
      ['hosts', `${targets.ok ? targets.targets.length : 0}: ${spec.targets}`],
      ...loginRows(spec),
      ...environmentRows(spec),
      ['host keys', spec.hostKeys.policy],
      ['submitter', `${spec.submitter}, namespace ${spec.namespace}`],
      ['workers', recipients.map(({ worker }) => worker).join(', ') || 'none connected'],
      ['digest', digest],
    ],
    colors,
  );
}

const commandNames = { argv: 'command', shell: 'shell string', script: 'script' } as const;

/** What runs. */
export function jobRows(spec: ResolvedSpec): Row[] {
  const { command, retries, unreachableRetries, unconstrained, allowUnknown, onPredecessorFailure } = spec;
  const rows: Row[] = [[commandNames[command.kind], commandText(command)]];
  if (command.kind === 'script') rows.push(['', `${command.bytes} bytes, sha256 ${command.sha256}`]);
  if (retries !== undefined) rows.push(['again', `where it exits non-zero, up to ${timesText(retries)}`]);
  if (unreachableRetries !== undefined)
    rows.push(['dialled', `again where a host can't be reached, up to ${timesText(unreachableRetries)}`]);
  if (spec.surviveDisconnect !== undefined) {
    const limit = durationText(spec.surviveDisconnect.limitMs);
    rows.push(['survives', `a lost connection, until nobody has come back to it for ${limit}`]);
  }
  rows.push(...stepRows(spec));
  if (unconstrained === true) rows.push(['limits', "those of the namespace don't hold it back"]);
  if (allowUnknown === true) rows.push(['unknown', "hosts that the namespace doesn't know are taken"]);
  if (onPredecessorFailure !== undefined)
    rows.push(['sequence', 'later steps go on where an earlier one failed']);
  return rows;
}

/** What happens on a host besides the command. */
function stepRows({ hooks, pre, post, health }: ResolvedSpec): Row[] {
  const passedOver = [...(hooks?.pre === false ? ['pre'] : []), ...(hooks?.post === false ? ['post'] : [])];
  const rows: Row[] = [];
  if (pre !== undefined) rows.push(['before', pre]);
  if (post !== undefined) rows.push(['after', post]);
  if (passedOver.length > 0)
    rows.push(['hooks', `the hosts' ${passedOver.join(' and ')} hooks are passed over`]);
  if (health !== undefined) {
    const tries = `up to ${timesText(health.retries)} more, ${durationText(health.intervalMs)} apart`;
    rows.push(['health', health.command], ['', `until it succeeds, ${tries}`]);
  }
  return rows;
}

function timesText(times: number): string {
  return `${times} time${times === 1 ? '' : 's'}`;
}

/** As whom, and how hosts are logged in to. */
export function loginRows({ user, port, runAs, forwardAgent, auth }: ResolvedSpec): Row[] {
  const rows: Row[] = [
    ['account', `${user}, port ${port} unless a host names its own`],
    ['auth', auth.methods.join(', then ')],
  ];
  if (runAs !== undefined) rows.splice(1, 0, ['run as', `${runAs}, by sudo`]);
  if (forwardAgent === true) rows.push(['agent', "the job's keys are offered to programs on the hosts"]);
  return rows;
}

function environmentRows({ environment }: ResolvedSpec): Row[] {
  return Object.entries(environment).map(([name, value]) => ['variable', `${name}=${value}`]);
}

export function foldedNames(expression: string): string {
  const expanded = resolveTargets(expression);
  return expanded.ok ? foldForPeople(expanded.targets.map(({ host }) => host)) : expression;
}
