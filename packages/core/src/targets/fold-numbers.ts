/** Numbers as a range list of the grammar: `1-3,7`, `01-10`, `1-9/2`. */

/** Fewest numbers that are written with a step: `[1-7/2]`. */
const minStepped = 4;

/** Numbers that count up evenly, each of at most 15 digits; or one number. */
export interface NumberRun {
  readonly first: number;
  readonly count: number;
  /** At least 1. */
  readonly step: number;
  /** Digits that all of them are written with, more than the first one has; 0 when none has zeros before it. */
  readonly width: number;
}

/** A number as a run of its own. */
export function numberRun(text: string): NumberRun {
  const first = Number(text);
  return { first, count: 1, step: 1, width: text.length > digitsOf(first) ? text.length : 0 };
}

/** How many digits a number has. */
export function digitsOf(number: number): number {
  let digits = 1;
  for (let above = 10; number >= above; above *= 10) digits++;
  return digits;
}

/** The text of one of them. */
export function numberText({ first, step, width }: NumberRun, at: number): string {
  const text = String(first + step * at);
  return width === 0 ? text : text.padStart(width, '0');
}

/** The numbers of one run. */
export function foldRun(run: NumberRun): string {
  const { count, step } = run;
  if (step !== 1 && count < minStepped)
    return Array.from({ length: count }, (_, at) => numberText(run, at)).join(',');
  const range = `${numberText(run, 0)}-${numberText(run, count - 1)}`;
  return step === 1 ? range : `${range}/${step}`;
}

/** All numbers in the order given. How they are divided into runs makes no difference. */
export function foldNumbers(runs: readonly NumberRun[]): string {
  if (runs.length === 1 && runs[0]!.count > 1) return foldRun(runs[0]!);
  const items: string[] = [];
  for (let start: Place | undefined = { run: 0, at: 0 }; start !== undefined;) {
    const { end, step, count } = progression(runs, start);
    const first = numberText(runs[start.run]!, start.at);
    if (count === 1 || (step !== 1 && count < minStepped)) {
      items.push(first);
      start = nextPlace(runs, start);
      continue;
    }
    const last = numberText(runs[end.run]!, end.at);
    items.push(step === 1 ? `${first}-${last}` : `${first}-${last}/${step}`);
    start = nextPlace(runs, end);
  }
  return items.join(',');
}

/** One number among those of some runs. */
interface Place {
  readonly run: number;
  /** Within the run. */
  readonly at: number;
}

function nextPlace(runs: readonly NumberRun[], { run, at }: Place): Place | undefined {
  if (at + 1 < runs[run]!.count) return { run, at: at + 1 };
  return run + 1 < runs.length ? { run: run + 1, at: 0 } : undefined;
}

function valueAt(runs: readonly NumberRun[], { run, at }: Place): number {
  return runs[run]!.first + runs[run]!.step * at;
}

/** How many digits it is written with. */
function widthAt(runs: readonly NumberRun[], place: Place): number {
  return Math.max(runs[place.run]!.width, digitsOf(valueAt(runs, place)));
}

/**
 * The longest row of numbers from a place on that counts upwards evenly, padded as its first number is. A padded row keeps
 * its width, `08-99,100`: programs that share the grammar refuse `08-100`.
 */
function progression(runs: readonly NumberRun[], start: Place): { end: Place; step: number; count: number } {
  let value = valueAt(runs, start);
  let end = start;
  let count = 1;
  const second = nextPlace(runs, start);
  const step = second === undefined ? 0 : valueAt(runs, second) - value;
  if (step < 1) return { end, step: 1, count };
  const isPadded = widthAt(runs, start) > digitsOf(value);
  const width = isPadded ? widthAt(runs, start) : undefined;
  const most = width === undefined ? Infinity : 10 ** width - 1;
  for (let next = second; next !== undefined; next = nextPlace(runs, end)) {
    const expected = value + step;
    if (valueAt(runs, next) !== expected || expected > most) break;
    if (widthAt(runs, next) !== (width ?? digitsOf(expected))) break;
    // What follows in the same run, if it counts as this row does, follows here as well.
    const run = runs[next.run]!;
    const left = run.step === step ? run.count - 1 - next.at : 0;
    const more = Math.min(left, Math.floor((most - expected) / step));
    end = { run: next.run, at: next.at + more };
    value = expected + step * more;
    count += 1 + more;
  }
  return { end, step, count };
}
