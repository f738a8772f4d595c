/**
 * Whether a series of samples grows: the slope of a straight line through it, with how far chance alone may have tilted it.
 *
 * 1. Samples are gathered into blocks of equal time first: neighbours are far from independent, and garbage makes teeth.
 * 2. What dependence is left between blocks widens the interval: by the lag-1 autocorrelation of the residuals.
 */

export interface Trend {
  /** Units per hour. */
  perHour: number;
  /** Half of the 95 % confidence interval of `perHour`. */
  uncertainty: number;
  /** The line at a time, in units. */
  at(seconds: number): number;
  blocks: number;
}

export interface Point {
  seconds: number;
  value: number;
}

/** One point per block that has any: its middle, and what `reduce` makes of its values. */
export function blocksOf(
  points: readonly Point[],
  blockSeconds: number,
  reduce: (values: readonly number[]) => number,
): Point[] {
  const blocks = new Map<number, number[]>();
  for (const { seconds, value } of points) {
    const block = Math.floor(seconds / blockSeconds);
    blocks.set(block, [...(blocks.get(block) ?? []), value]);
  }
  return [...blocks]
    .sort(([one], [other]) => one - other)
    .map(([block, values]) => ({ seconds: (block + 0.5) * blockSeconds, value: reduce(values) }));
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Least squares; undefined below five points. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  const count = points.length;
  if (count < 5) return undefined;
  const meanTime = mean(points.map(({ seconds }) => seconds));
  const meanValue = mean(points.map(({ value }) => value));
  let [timeSquares, products] = [0, 0];
  for (const { seconds, value } of points) {
    timeSquares += (seconds - meanTime) ** 2;
    products += (seconds - meanTime) * (value - meanValue);
  }
  const slope = products / timeSquares;
  const at = (seconds: number) => meanValue + slope * (seconds - meanTime);
  const residuals = points.map(({ seconds, value }) => value - at(seconds));
  const squares = residuals.reduce((sum, residual) => sum + residual ** 2, 0);
  let neighbours = 0;
  for (let index = 1; index < count; index++) neighbours += residuals[index]! * residuals[index - 1]!;
  const correlation = squares === 0 ? 0 : Math.min(0.95, Math.max(0, neighbours / squares));
  const error =
    Math.sqrt(squares / (count - 2) / timeSquares) * Math.sqrt((1 + correlation) / (1 - correlation));
  return {
    perHour: slope * 3600,
    uncertainty: studentQuantile(count - 2) * error * 3600,
    at,
    blocks: count,
  };
}

/** The 97.5 % point of Student's distribution, by Cornish and Fisher's expansion: three digits from four degrees on. */
function studentQuantile(degrees: number): number {
  const z = 1.959964;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
}
