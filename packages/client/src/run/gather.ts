/**
 * `--gather` and `--diff`: hosts whose outcome and output are the same under one heading, largest group first.
 *
 * 1. The digests that came with the outcomes say who is alike: the output of each group travels once.
 * 2. `--diff` shows the other groups against the largest; what is longer than {@link maxDiffBytes} is compared by digest
 *    alone, and that is said.
 * 3. What was cut, or can't be had, is said where it would stand.
 */
import { StringDecoder } from 'node:string_decoder';
import { foldForPeople } from '@pogo/core';
import { type DiffLine, unifiedDiff } from '../diff/unified-diff.js';
import type { Colors } from '../render/colors.js';
import { neutralise } from '../render/escape.js';
import { outcomeText } from '../render/summary.js';
import type { Writer } from '../render/writer.js';
import { cutText, fetchOutput, fetchWhole, type OutputSource, type Stream } from './fetch-output.js';
import type { FinishedHost } from './job-progress.js';

export interface GatherOptions extends OutputSource {
  readonly finished: readonly FinishedHost[];
  /** Shows the other groups as differences from the largest. */
  readonly diff: boolean;
  readonly stdout: Writer;
  /** Whether a terminal shows it. */
  readonly terminal: boolean;
  readonly colors: Colors;
  warn(text: string): Promise<void>;
}

/** The longest stream that is shown as a difference, in bytes. */
export const maxDiffBytes = 1024 * 1024;

export interface OutputGroup {
  readonly hosts: readonly FinishedHost[];
}

/** Groups of hosts with the same output and end, largest first; hosts without any output and a success are one too. */
export function groupByOutput(finished: readonly FinishedHost[]): OutputGroup[] {
  const groups = new Map<string, FinishedHost[]>();
  for (const host of finished) {
    const { stdout, stderr, state, reason, exitCode } = host.outcome;
    // Without digests nothing is known to be alike.
    const output = stdout && stderr ? `${stdout.sha256} ${stderr.sha256}` : `only ${host.host}`;
    const nothing = stdout === undefined && stderr === undefined;
    const key = `${state}\0${reason ?? ''}\0${exitCode ?? ''}\0${nothing ? '' : output}`;
    const group = groups.get(key);
    if (group) group.push(host);
    else groups.set(key, [host]);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length).map((hosts) => ({ hosts }));
}

const streams: readonly Stream[] = ['stdout', 'stderr'];

export async function writeGathered(options: GatherOptions): Promise<void> {
  const [largest, ...others] = groupByOutput(options.finished);
  if (largest === undefined) return;
  const base = await writeGroup(options, largest, undefined);
  for (const group of others) await writeGroup(options, group, options.diff ? base : undefined);
}

/** Writes heading and output, or how it differs from that of `base`; the answer is the host that stands for the group. */
async function writeGroup(
  options: GatherOptions,
  { hosts }: OutputGroup,
  base: FinishedHost | undefined,
): Promise<FinishedHost> {
  const { stdout, colors } = options;
  const shown = representative(hosts);
  const names = foldForPeople(hosts.map(({ host }) => host));
  const end = shown.outcome.state === 'succeeded' ? '' : `  ${colors.red(outcomeText(shown))}`;
  await stdout.write(`${colors.bold(`--- ${names} (${hosts.length})`)}${end}\n`);
  if (base === undefined) for (const stream of streams) await writeStream(options, shown, stream);
  else await writeDifferences(options, base, shown);
  const cut = shown.outcome.outputCutBytes ?? 0;
  if (cut > 0) await options.warn(`pogo: output-gap: ${shown.host}: ${cutText(cut)}`);
  return shown;
}

/** Equal digests mean equal output: the first of which most is kept. */
function representative(hosts: readonly FinishedHost[]): FinishedHost {
  return hosts.find(({ outcome }) => (outcome.outputCutBytes ?? 0) === 0) ?? hosts[0]!;
}

async function writeStream(options: GatherOptions, host: FinishedHost, stream: Stream): Promise<void> {
  const { stdout, terminal, warn } = options;
  const digest = host.outcome[stream];
  if (digest === undefined || digest.bytes === 0) return;
  const decoder = new StringDecoder('utf8');
  let last: number | undefined;
  const incomplete = await fetchOutput(options, host, stream, async (bytes) => {
    last = bytes.at(-1);
    await stdout.write(terminal ? neutralise(decoder.write(bytes).replaceAll('\r\n', '\n')) : bytes);
  });
  // The next heading begins on a line of its own.
  if (last !== undefined && last !== 10) await stdout.write('\n');
  if (incomplete !== undefined) await warn(incomplete);
}

async function writeDifferences(
  options: GatherOptions,
  base: FinishedHost,
  other: FinishedHost,
): Promise<void> {
  const different = streams.filter((stream) => {
    const [one, two] = [base.outcome[stream], other.outcome[stream]];
    return one?.sha256 !== two?.sha256 && (one?.bytes ?? 0) + (two?.bytes ?? 0) > 0;
  });
  for (const stream of different) await writeDifference(options, { base, other, stream });
  if (different.length === 0) await options.stdout.write(`its output is the same as on ${base.host}\n`);
}

interface Pair {
  readonly base: FinishedHost;
  readonly other: FinishedHost;
  readonly stream: Stream;
}

async function writeDifference(options: GatherOptions, { base, other, stream }: Pair): Promise<void> {
  const { stdout, warn } = options;
  const [before, after] = [base.outcome[stream]?.bytes ?? 0, other.outcome[stream]?.bytes ?? 0];
  if (before > maxDiffBytes || after > maxDiffBytes) {
    await stdout.write(
      `its ${stream} differs: ${after} bytes, and ${before} on ${base.host}; more than ${maxDiffBytes} are compared by digest only\n`,
    );
    return;
  }
  const [was, is] = [await fetchWhole(options, base, stream), await fetchWhole(options, other, stream)];
  for (const { incomplete } of [was, is]) if (incomplete !== undefined) await warn(incomplete);
  const names = { before: `${base.host} ${stream}`, after: `${other.host} ${stream}` };
  for (const line of unifiedDiff(was.bytes, is.bytes, names)) await stdout.write(diffText(options, line));
}

function diffText({ terminal, colors }: GatherOptions, { kind, bytes }: DiffLine): string | Buffer {
  if (!terminal && !colors.isColorSupported) return Buffer.concat([bytes, Buffer.from('\n')]);
  const text = terminal ? neutralise(bytes.toString('utf8').replace(/\r$/, '')) : bytes.toString('utf8');
  const tint = { header: colors.bold, hunk: colors.cyan, delete: colors.red, insert: colors.green };
  return `${kind === 'equal' || kind === 'note' ? text : tint[kind](text)}\n`;
}
