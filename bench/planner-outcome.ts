/** How an attempt of the planner's bench ends: with all that a real one has. */
import { createHash } from 'node:crypto';
import type { Outcome } from '@pogo/core';

/** A digest of output that no other host has. */
function digestOf(job: number, host: number): string {
  return createHash('sha256').update(`${job} ${host}`).digest('hex');
}

const emptyStream = { bytes: 0, sha256: createHash('sha256').digest('hex') };

export function outcomeOf(job: number, host: number, fails: boolean): Outcome {
  return {
    state: fails ? 'failed' : 'succeeded',
    ...(fails && { reason: 'exit-nonzero' as const, message: 'the command exited with 1' }),
    exitCode: fails ? 1 : 0,
    methodsTried: ['publickey'],
    durationMs: 100 + (host % 1000),
    stdout: { bytes: 200, sha256: digestOf(job, host) },
    stderr: emptyStream,
  };
}
