import { hostStates, jobStates } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, type JobEnd } from '../src/run/exit-code.js';

const cases: [JobEnd, number][] = [
  [{ state: 'succeeded', counts: { succeeded: 3 } }, 0],
  [{ state: 'failed', counts: { succeeded: 3, failed: 1 } }, 5],
  [{ state: 'failed', counts: { failed: 1, 'timed-out': 1 } }, 3],
  [{ state: 'failed', counts: { failed: 1, killed: 1 } }, 3],
  [{ state: 'failed', counts: { 'timed-out': 1, unreachable: 1 } }, 4],
  [{ state: 'failed', counts: { failed: 1, 'auth-failed': 1 } }, 4],
  [{ state: 'halted', counts: { unreachable: 1, halted: 1 } }, 6],
  [{ state: 'halted', counts: { succeeded: 1 } }, 6],
  [{ state: 'failed', counts: { failed: 1, halted: 1 } }, 6],
  [{ state: 'deadlocked', counts: { waiting: 1 } }, 6],
  [{ state: 'expired', counts: { killed: 1 } }, 6],
  [{ state: 'halted', counts: { 'auth-failed': 3, halted: 7 } }, 6],
  [{ state: 'needs-credentials', counts: { waiting: 1, failed: 1 } }, 8],
  [{ state: 'failed', counts: { denied: 1, failed: 1, unreachable: 1 } }, 7],
  [{ state: 'needs-credentials', counts: { denied: 1 } }, 7],
  [{ state: 'halted', counts: { denied: 1, unknown: 1, halted: 1 } }, 9],
  [{ state: 'failed', counts: { unknown: 1, succeeded: 99 } }, 9],
];

describe('the exit code of a run', () => {
  it.each(cases)('of %j is %i', (end, code) => {
    expect(exitCodeOf(end)).toBe(code);
  });

  it('is 0 only when the job succeeded and every host did', () => {
    for (const state of jobStates) {
      for (const host of hostStates) {
        const code = exitCodeOf({ state, counts: { [host]: 1 } });
        if (code === 0)
          expect([
            state,
            host === 'succeeded' ||
              ![
                'failed',
                'unreachable',
                'auth-failed',
                'timed-out',
                'killed',
                'unknown',
                'denied',
                'halted',
                'skipped',
              ].includes(host),
          ]).toEqual(['succeeded', true]);
      }
    }
  });
});
