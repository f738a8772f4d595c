/** Which ends leave a host disturbed (S3): not those that come before the command. */
import { endedBeforeCommand, type Outcome, reasons } from '@pogo/core';
import { expect, it } from 'vitest';
import { Leader, workerA } from './job-fixture.js';

const workers = [{ ...workerA, capacity: 10 }];

/** After this end of the only host that the limit allows: whether the next may begin. */
function frees(outcome: Outcome): boolean {
  const leader = new Leader();
  leader.constrain({
    apps: { app: ['h[1-4]'] },
    envs: { all: { one: ['@app'] } },
    constraints: { all: { concurrency: { app: { kind: 'count', count: 1 } }, sequence: [] } },
  });
  const job = leader.submit('h[1-4]');
  const live = () => leader.hostsIn(job, 'permitted', 'assigned', 'connecting', 'running');
  leader.plan({ workers });
  expect(live()).toEqual(['h1']);
  leader.finish(job, ['h1'], outcome);
  leader.plan({ workers });
  return live().length === 1;
}

it.each<Outcome>([
  { state: 'failed', reason: 'prehook-failed', step: 'prehook', hook: '10-drain', exitCode: 1 },
  { state: 'failed', reason: 'pre-failed', step: 'pre', exitCode: 1 },
  { state: 'timed-out', reason: 'step-timeout', step: 'prehook' },
  { state: 'killed', reason: 'connection-closed', step: 'pre' },
])('$reason in $step: its command demonstrably never began, so the host counts no more', (outcome) => {
  expect(endedBeforeCommand(outcome)).toBe(true);
  expect(frees(outcome)).toBe(true);
});

it.each<Outcome>([
  { state: 'failed', reason: 'exit-nonzero', exitCode: 1 },
  { state: 'failed', reason: 'post-failed', step: 'post', exitCode: 1 },
  { state: 'failed', reason: 'posthook-failed', step: 'posthook', exitCode: 1 },
  { state: 'failed', reason: 'health-failed', step: 'health', exitCode: 1 },
  { state: 'timed-out', reason: 'step-timeout', step: 'health' },
  { state: 'unknown', reason: 'kill-unconfirmed', step: 'prehook' },
])('$reason in $step: nobody can say that the host is well, so it goes on counting', (outcome) => {
  expect(frees(outcome)).toBe(false);
});

it('each step that can fail has a reason of its own', () => {
  for (const step of ['prehook', 'pre', 'post', 'posthook', 'health'] as const)
    expect(reasons[`${step}-failed`].state).toBe('failed');
});
