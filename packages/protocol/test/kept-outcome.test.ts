import type { Outcome } from '@pogo/core';
import { decodeLogBatch, encodeLogBatch, outcomeSchema } from '@pogo/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const nothing = {
  bytes: 0,
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
};

/** As it comes from outside: made anew each time. */
function parsed(outcome: Outcome) {
  return outcomeSchema.parse(JSON.parse(JSON.stringify(outcome)));
}

describe('parsed outcomes', () => {
  it('share what they have in common: streams without output, and the methods that were tried', () => {
    const outcome: Outcome = {
      state: 'unreachable',
      reason: 'connection-refused',
      methodsTried: ['publickey'],
      stdout: nothing,
      stderr: nothing,
    };
    const [one, other] = [parsed(outcome), parsed(outcome)];
    expect(one).toStrictEqual(outcome);
    expect(one.stdout).toBe(other.stderr);
    expect(one.methodsTried).toBe(other.methodsTried);
  });

  it('share it when they are read from the log again as well', () => {
    const read = [1, 2].map((job) => {
      const outcome: Outcome = { state: 'succeeded', exitCode: 0, stderr: nothing };
      const entries = [{ type: 'host-finished' as const, job, host: 0, attempt: 1, outcome }];
      const [entry] = decodeLogBatch(encodeLogBatch({ atMs: 0, entries })).entries;
      return entry?.type === 'host-finished' ? entry.outcome.stderr : undefined;
    });
    expect(read[0]).toEqual(nothing);
    expect(read[0]).toBe(read[1]);
  });

  it('say what they said before, whatever that was', () => {
    const digest = fc.record({ bytes: fc.nat(2), sha256: fc.constantFrom(nothing.sha256, 'ab'.repeat(32)) });
    const method = fc.constantFrom('publickey', 'password', 'keyboard-interactive', 'none');
    fc.assert(
      fc.property(
        fc.record(
          {
            state: fc.constantFrom('succeeded' as const, 'auth-failed' as const),
            reason: fc.constantFrom('signal' as const, 'exit-nonzero' as const),
            message: fc.string(),
            methodsTried: fc.array(method, { maxLength: 3 }),
            stdout: digest,
            stderr: digest,
          },
          { requiredKeys: ['state'] },
        ),
        (outcome) => {
          expect(parsed(outcome)).toStrictEqual(JSON.parse(JSON.stringify(outcome)));
        },
      ),
    );
  });
});
