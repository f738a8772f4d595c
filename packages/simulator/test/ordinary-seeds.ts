/**
 * The seeds of the ordinary run, in two files so that two cores share them; `npm run simulate` takes as many as somebody
 * has patience for.
 */
import { expect } from 'vitest';
import { replayCommand, runSeeds } from '../src/index.js';

export const seedsPerFile = 400;

/** What never comes about is not shown: each of these has to, on the way. */
const expected = [
  'a deadlock',
  'a job ends, and hosts of it go on counting',
  'a permit after the step before',
  'a permit fills a slot',
  'a permit for a host that counts already',
  'append conflicts',
  'credentials-lost',
  'credentials-renewed',
  'evidence replaces unknown',
  'host-finished killed halt-kill',
  'host-finished timed-out command-timeout',
  'host-finished unknown connection-lost',
  'host-finished unknown rexec-lost',
  'host-finished unknown worker-lost',
  'hosts-halted',
  'hosts-refused',
  'hosts-released',
  'hosts-resolving',
  'hosts-retried',
  'job-archived',
  'job-ended deadlocked',
  'job-ended failed',
  'job-ended halted',
  'job-ended succeeded',
  'job.assign unknown-job',
  'namespace-applied',
  'worker.report refused',
];

/** Runs them until one fails; what fails comes with the command that shows it again. */
export async function expectNoViolation(first: number): Promise<void> {
  const total = await runSeeds({ first, count: seedsPerFile, stopAtFirst: true });
  const failures = total.failed.map((result) => ({
    again: replayCommand(result),
    violations: result.violations.slice(0, 3),
  }));
  expect(failures).toEqual([]);
  expect(expected.filter((what) => !total.seen.has(what))).toEqual([]);
  expect(total.commands).toBeGreaterThan(seedsPerFile);
}
