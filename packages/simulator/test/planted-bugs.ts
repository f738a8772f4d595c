/** Every planted bug is caught; in two files, so that two cores share them. */
import { expect, it } from 'vitest';
import { type BugName, bugNames, runSeeds, simulate } from '../src/index.js';
import { seedsPerFile } from './ordinary-seeds.js';

/** As many as the ordinary run has; most bugs need a few. */
const mostSeeds = 2 * seedsPerFile;

/** By which rules each may be caught: being caught for another reason would be luck as well. */
const rules: Record<BugName, readonly string[]> = {
  'off-by-one-limit': ['I1'],
  'double-dispatch': ['I3', 'I7', 'A1'],
  'early-acknowledgement': ['L7'],
  'doubt-settled-by-read': ['L2'],
  'doubt-given-up-as-failure': ['L2'],
  'reassignment-without-refusal': ['A3', 'I6', 'I4'],
  'lost-outbox-entry': ['L7', 'I6'],
  'permit-freed-without-evidence': ['I1', 'I3'],
  'order-of-old-term-obeyed': ['A2'],
  'time-going-back': ['T1'],
  'unknown-turned-into-failed': ['E1'],
  'volatile-journal': ['A3', 'E1', 'I7', 'L7'],
  'begun-after-dialling': ['A3', 'L7', 'I7'],
  'slot-limit-off-by-one': ['I1'],
  'percentage-rounded-up': ['I1'],
  'limits-of-an-earlier-version': ['I1'],
  'failed-host-lets-go': ['I1'],
  'unknown-does-not-count': ['I1', 'I3'],
  'sequence-ignored-after-failure': ['I2'],
  'sequence-not-transitive': ['I2'],
  'unconstrained-hosts-not-counted': ['I1', 'I3'],
  'host-of-two-jobs-at-once': ['I3'],
  'permits-forgotten-after-a-restart': ['I1', 'I3'],
  'release-frees-too-much': ['I1'],
  'end-of-a-job-frees-what-failed': ['I1'],
  'new-version-forgets-who-counts': ['I1'],
  'room-that-nobody-notices': ['I6'],
  'deadlock-without-cause': ['S7'],
};

/** @param part 0 or 1: every other bug, beginning with this one. */
export function everyOtherIsCaught(part: 0 | 1): void {
  it.each(bugNames.filter((_, at) => at % 2 === part))(
    `%s is caught within ${mostSeeds} seeds, and by the same seed again`,
    { timeout: 240_000 },
    async (bug) => {
      const { seeds, failed } = await runSeeds({ first: 1, count: mostSeeds, stopAtFirst: true, bug });
      const caught = failed[0];
      expect(caught, `${bug} got through ${seeds} seeds`).toBeDefined();
      expect(rules[bug]).toContain(caught!.violations[0]!.rule);
      const again = await simulate({ seed: caught!.seed, bug });
      expect(again.digest).toBe(caught!.digest);
      expect((await simulate({ seed: caught!.seed })).violations).toEqual([]);
    },
  );
}
