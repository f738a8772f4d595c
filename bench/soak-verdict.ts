/** Says of each long-lived process of a soak whether its memory was flat, and draws it. */
import { writeFileSync } from 'node:fs';
import type { HeapFigures, MemorySample } from './soak-memory.js';
import { type Panel, plotSvg } from './soak-plot.js';
import { blocksOf, mean, type Point, type Trend, trendOf } from './soak-trend.js';

/**
 * Flat: even the upper end of the 95 % interval of the slope of the anonymous memory is below this, in MB an hour. So is what is left of
 * it without V8's young generation: that is between 0.3 and 17 MB by how fast was allocated last, in steps that a straight line takes for
 * growth.
 */
export const flatBelow = 10;
const blockSeconds = 60;
/** Of the time at the beginning that doesn't count, unless told. */
export const warmUpShare = 1 / 6;

export interface VerdictOptions {
  minutes: number;
  /** At the beginning, what isn't judged. */
  warmUpMinutes: number;
  plot: string;
  say: (text: string) => void;
}

const titles: Record<string, string> = {
  up: 'pogo up',
  dispatcher: 'dispatcher',
  worker: 'worker',
  rexec: 'rexec of the job that lasts',
  client: 'pogo run of the job that lasts',
};

/** Whether all were flat. */
export function judgeMemory(
  samples: readonly MemorySample[],
  { minutes, warmUpMinutes, plot, say }: VerdictOptions,
): boolean {
  const panels: Panel[] = [];
  let allFlat = true;
  say(`warm-up: ${warmUpMinutes.toFixed(0)} min; flat: below ${flatBelow} MB an hour with 95 % confidence`);
  for (const [role, title] of Object.entries(titles)) {
    const series = longestOf(samples.filter((sample) => sample.role === role));
    const counted = (points: readonly Point[]) =>
      points.filter(({ seconds }) => seconds >= warmUpMinutes * 60);
    const pss = blocksOf(
      pointsOf(series, ({ pssBytes }) => pssBytes),
      blockSeconds,
      mean,
    );
    const anonymous = blocksOf(
      pointsOf(series, ({ anonymousBytes }) => anonymousBytes),
      blockSeconds,
      mean,
    );
    const heap = blocksOf(
      pointsOf(series, ({ heap: figures }) => figures?.heapBytes),
      blockSeconds,
      (values) => Math.min(...values),
    );
    const part = (figure: (heap: HeapFigures, sample: MemorySample) => number) =>
      counted(
        blocksOf(
          pointsOf(series, (sample) => sample.heap && figure(sample.heap, sample)),
          blockSeconds,
          mean,
        ),
      );
    const trend = trendOf(counted(anonymous));
    if (trend === undefined) {
      say(`${title}: too few samples (${series.length})`);
      allFlat = false;
      continue;
    }
    const withoutYoung = trendOf(part(({ youngBytes }, { anonymousBytes }) => anonymousBytes - youngBytes));
    const isFlat = [trend, withoutYoung].some(
      (one) => one !== undefined && one.perHour + one.uncertainty < flatBelow,
    );
    allFlat &&= isFlat;
    const values = counted(anonymous).map(({ value }) => value);
    say(
      `${title}: ${isFlat ? 'flat' : 'NOT flat'}: anonymous memory ${slopeText(trend)}, ` +
        `between ${Math.min(...values).toFixed(0)} and ${Math.max(...values).toFixed(0)} MB; ` +
        `PSS ${slopeText(trendOf(counted(pss)))}; heap floor ${slopeText(trendOf(counted(heap)))}`,
    );
    if (withoutYoung !== undefined) {
      say(
        `  without the young generation ${slopeText(withoutYoung)}; young ${partText(part((one) => one.youngBytes))}; ` +
          `other spaces ${partText(part((one) => one.oldBytes))}; external ${partText(part((one) => one.externalBytes))}; ` +
          `in no heap ${partText(part((one, { anonymousBytes }) => anonymousBytes - one.youngBytes - one.oldBytes))}`,
      );
    }
    const line = (points: readonly Point[]) =>
      points.map(({ seconds, value }) => ({ x: seconds / 60, y: value }));
    panels.push({
      title,
      note: slopeText(trend),
      lines: [
        { name: 'memory', points: line(anonymous) },
        { name: 'heap', points: line(heap) },
        {
          name: 'trend',
          points: [warmUpMinutes, minutes].map((minute) => ({ x: minute, y: trend.at(minute * 60) })),
        },
      ],
    });
  }
  const short = samples.filter(
    ({ role, pid }) =>
      role === 'rexec' && pid !== longestOf(samples.filter((sample) => sample.role === 'rexec'))[0]?.pid,
  );
  if (short.length > 0) {
    say(
      `rexecs of the other jobs: at most ${(Math.max(...short.map(({ pssBytes }) => pssBytes)) / 1e6).toFixed(0)} MB PSS each`,
    );
  }
  const all = blocksOf(totalsOf(samples), blockSeconds, mean).filter(
    ({ seconds }) => seconds >= warmUpMinutes * 60,
  );
  say(
    `all processes of the cluster together: ${slopeText(trendOf(all))}, at most ${Math.max(...all.map(({ value }) => value)).toFixed(0)} MB`,
  );
  writeFileSync(plot, plotSvg(panels, { minutes, warmUpMinutes }));
  return allFlat;
}

/** The samples of the process that was there longest: a daemon that was started again would show. */
function longestOf(samples: readonly MemorySample[]): MemorySample[] {
  const byPid = new Map<number, MemorySample[]>();
  for (const sample of samples) byPid.set(sample.pid, [...(byPid.get(sample.pid) ?? []), sample]);
  return [...byPid.values()].sort((one, other) => other.length - one.length)[0] ?? [];
}

/** In MB; samples without the figure are passed over. */
function pointsOf(
  samples: readonly MemorySample[],
  figure: (sample: MemorySample) => number | undefined,
): Point[] {
  return samples.flatMap((sample) => {
    const bytes = figure(sample);
    return bytes === undefined || Number.isNaN(bytes)
      ? []
      : [{ seconds: sample.seconds, value: bytes / 1e6 }];
  });
}

/** The cluster's anonymous memory at each time, clients left out. */
function totalsOf(samples: readonly MemorySample[]): Point[] {
  const sums = new Map<number, number>();
  for (const { seconds, role, anonymousBytes } of samples) {
    if (role !== 'client') sums.set(seconds, (sums.get(seconds) ?? 0) + anonymousBytes / 1e6);
  }
  return [...sums].map(([seconds, value]) => ({ seconds, value }));
}

function partText(points: readonly Point[]): string {
  const values = points.map(({ value }) => value);
  return `${slopeText(trendOf(points))}, ${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)} MB`;
}

function slopeText(trend: Trend | undefined): string {
  if (trend === undefined) return 'not sampled';
  const sign = trend.perHour < 0 ? '−' : '+';
  return `${sign}${Math.abs(trend.perHour).toFixed(1)} ± ${trend.uncertainty.toFixed(1)} MB an hour`;
}
