/** (I5) Whether what `pogo run` showed is what commands wrote: each line once, in order, none left out without a word. */
import type { ChaosJob } from './jobs.js';
import { addressOf } from './site.js';

export interface ToldByRun {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Exit statuses of a run that has followed its job to the end: all well, killed, unreachable, failed, halted, denied, unknown. */
const followed = new Set([0, 3, 4, 5, 6, 7, 9]);

export function checkOutput(
  job: ChaosJob,
  told: ToldByRun,
  states: ReadonlyMap<number, string>,
): { rule: string; what: string }[] {
  const faults: { rule: string; what: string }[] = [];
  if (!followed.has(told.exitCode ?? -1))
    return [
      {
        rule: 'I5',
        what: `pogo run of ${job.key} ended with ${told.exitCode}:\n${told.stderr.slice(-2000)}`,
      },
    ];
  const gaps = gapsIn(told.stderr);
  const lines = new Map<string, string[]>();
  for (const line of told.stdout.split('\n')) {
    const match = /^(\S+): (.*)$/.exec(line);
    if (match === null) continue;
    const [, host = '', text = ''] = match;
    lines.set(host, [...(lines.get(host) ?? []), text]);
  }
  const whole = Array.from({ length: job.lines }, (_, at) => `line ${at + 1}`);
  for (const host of job.hosts) {
    const name = addressOf(host);
    const shown = lines.get(name) ?? [];
    const state = states.get(host);
    const isEnded = state === 'succeeded' || state === 'failed';
    const places = shown.map((line) => whole.indexOf(line));
    // What was cut says so; but nothing comes twice, or in another order.
    const isCut = gaps.some((gap) => gap.startsWith(`${name}: `) || !gap.startsWith('10.'));
    const isInOrder = places.every((place, at) => place > (places[at - 1] ?? -1));
    const isWithoutGap = isCut || places.every((place, at) => place === at);
    const isWhole = isCut || !isEnded || shown.length === whole.length;
    if (!isInOrder || !isWithoutGap || !isWhole)
      faults.push({
        rule: 'I5',
        what: `${job.key} on ${name} (${state}) shows ${JSON.stringify(shown)} instead of ${whole.length} lines`,
      });
  }
  return faults;
}

/** What a run has said of output that it could not show. */
export function gapsIn(stderr: string): string[] {
  return [...stderr.matchAll(/^pogo: output-gap: (.*)$/gm)].map(([, gap = '']) => gap);
}
