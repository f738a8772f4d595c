/**
 * Many seeded cases against one parser.
 *
 * 1. Case N under a seed is the same on every machine and in every run, whatever the number of cases.
 * 2. The first case with a fault ends the run with an error that has seed, number and input: enough to see it again.
 * 3. A run that met nothing good, or nothing bad, proves nothing: the report counts both for the test to look at.
 */
import { SeededRandom } from './seeded-random.js';

export interface FuzzOptions<T> {
  /** What is fuzzed, for the report. */
  name: string;
  cases: number;
  seed: number;
  /** Makes the input of one case, with no other source of chance than `random`. */
  generate(random: SeededRandom): T;
  /**
   * Looks at one input. `accepted` and `rejected` are both good answers; what throws, and any other answer, is a fault:
   * say what was wrong.
   */
  check(input: T): FuzzAnswer | Promise<FuzzAnswer>;
  /** The input as a person can use it; JSON by default. */
  show?(input: T): string;
}

export type FuzzAnswer = 'accepted' | 'rejected' | { readonly fault: string };

export interface FuzzReport {
  readonly cases: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly elapsedMs: number;
  readonly slowestMs: number;
  /** One line with all of this and the seed. */
  readonly text: string;
}

/** Runs all cases; rejects at the first fault. */
export async function fuzz<T>(options: FuzzOptions<T>): Promise<FuzzReport> {
  const { name, cases, seed } = options;
  const counts = { accepted: 0, rejected: 0 };
  let slowestMs = 0;
  const begunMs = performance.now();
  let caseBegunMs = begunMs;
  for (let number = 0; number < cases; number += 1) {
    const input = options.generate(new SeededRandom(seed, number));
    const answer = await answerOf(options, input);
    if (typeof answer === 'object') {
      const shown = options.show?.(input) ?? JSON.stringify(input);
      throw new Error(`${name}: case ${number} of seed ${seed}: ${answer.fault}\ninput: ${shown}`);
    }
    counts[answer] += 1;
    const nowMs = performance.now();
    slowestMs = Math.max(slowestMs, nowMs - caseBegunMs);
    caseBegunMs = nowMs;
  }
  const elapsedMs = performance.now() - begunMs;
  const text =
    `fuzz ${name}: ${cases} cases in ${(elapsedMs / 1000).toFixed(1)} s ` +
    `(${counts.accepted} accepted, ${counts.rejected} rejected, slowest ${slowestMs.toFixed(1)} ms, seed ${seed})`;
  return { cases, ...counts, elapsedMs, slowestMs, text };
}

async function answerOf<T>(options: FuzzOptions<T>, input: T): Promise<FuzzAnswer> {
  try {
    const answer = options.check(input);
    return answer instanceof Promise ? await answer : answer;
  } catch (error) {
    return { fault: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
