/** From a ramp as a person writes it to counts of hosts (S9). */

export type RampStepsOutcome =
  | {
      ok: true;
      /** Most hosts at the end of each step but the last, in which all may start; ascending. */
      steps: number[];
      /** Percentages that come to less than one host, so that one is used. */
      raised: string[];
    }
  /** The step allows no host, or fewer than the one before it. */
  | { ok: false; step: string; cause: 'no-host' | 'falls' };

/**
 * Percentages are of the job's hosts, rounded down, but at least 1 (as S2). Steps that come to the same are one; those that
 * come to all hosts are the last.
 *
 * @param written counts and percentages: `1`, `10%`
 */
export function rampSteps(written: readonly string[], hosts: number): RampStepsOutcome {
  const steps: number[] = [];
  const raised: string[] = [];
  let before = 0;
  for (const step of written) {
    const number = Number.parseInt(step, 10);
    const share = step.endsWith('%') ? Math.floor((number * hosts) / 100) : number;
    if (number === 0) return { ok: false, step, cause: 'no-host' };
    if (share === 0) raised.push(step);
    const count = Math.max(1, share);
    if (count < before && before < hosts) return { ok: false, step, cause: 'falls' };
    if (count > before && count < hosts) steps.push(count);
    before = Math.max(before, count);
  }
  return { ok: true, steps, raised };
}
