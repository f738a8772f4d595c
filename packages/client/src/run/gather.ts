/**
 * `--gather`: hosts whose outcome and output are the same under one heading, largest group first. The digests that came
 * with the outcomes say who is alike, so that the output of each group travels once.
 */
import { foldForPeople } from '@pogo/core';
import type { Dispatcher } from '../api/dispatcher.js';
import { failureText } from '../failure.js';
import type { Colors } from '../render/colors.js';
import { neutralise } from '../render/escape.js';
import { outcomeText } from '../render/summary.js';
import type { Writer } from '../render/writer.js';
import { StringDecoder } from 'node:string_decoder';
import type { FinishedHost } from './job-progress.js';

export interface GatherOptions {
  readonly dispatcher: Dispatcher;
  readonly job: string;
  readonly finished: readonly FinishedHost[];
  readonly stdout: Writer;
  /** Whether a terminal shows it. */
  readonly terminal: boolean;
  readonly colors: Colors;
  warn(text: string): Promise<void>;
}

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

export async function writeGathered(options: GatherOptions): Promise<void> {
  const { finished, stdout, colors } = options;
  for (const { hosts } of groupByOutput(finished)) {
    const first = hosts[0]!;
    const names = foldForPeople(hosts.map(({ host }) => host));
    const end = first.outcome.state === 'succeeded' ? '' : `  ${colors.red(outcomeText(first))}`;
    await stdout.write(`${colors.bold(`--- ${names} (${hosts.length})`)}${end}\n`);
    for (const stream of ['stdout', 'stderr'] as const) await writeStream(options, first, stream);
  }
}

async function writeStream(
  options: GatherOptions,
  host: FinishedHost,
  stream: 'stdout' | 'stderr',
): Promise<void> {
  const { dispatcher, job, stdout, terminal, warn } = options;
  const digest = host.outcome[stream];
  if (digest === undefined || digest.bytes === 0) return;
  const path = `/v1/jobs/${job}/hosts/${encodeURIComponent(host.host)}/output?stream=${stream}&attempt=${host.attempt}`;
  const response = await dispatcher.stream(path);
  if (!response.ok) return warn(failureText(response.failure).trimEnd());
  const decoder = new StringDecoder('utf8');
  let last: number | undefined;
  try {
    for await (const chunk of response.value) {
      const bytes = chunk as Buffer;
      last = bytes.at(-1);
      await stdout.write(terminal ? neutralise(decoder.write(bytes).replaceAll('\r\n', '\n')) : bytes);
    }
  } catch {
    await warn(
      `pogo: output-gap: ${host.host}: the connection broke in the middle of its ${stream}; pogo log ${job} ${host.host} shows it`,
    );
  }
  // The next heading begins on a line of its own.
  if (last !== undefined && last !== 10) await stdout.write('\n');
}
