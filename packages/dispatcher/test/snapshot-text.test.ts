import type { StateSnapshot } from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { SnapshotText } from '../src/leader/snapshot-text.js';

type JobSnapshot = StateSnapshot['jobs'][number];

function jobOf(job: number, hosts: number): JobSnapshot {
  return {
    accepted: {
      type: 'job-accepted',
      job,
      digest: `sha256:${'0'.repeat(64)}`,
      specRef: `specs/${job}`,
      idempotencyKey: `key-${job}`,
      submitter: 'ada',
      namespace: 'default',
      title: 'say "hosts":[ and ü',
      hosts,
      recipients: ['kid-a'],
      provesPassword: false,
      limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 1000 },
    },
    acceptedIndex: job,
    acceptedAtMs: 1,
    state: 'running',
    halt: null,
    proven: true,
    usedMs: 0,
    clockSinceMs: 1,
    endedAtMs: null,
    lastIndex: job,
    hosts: Array.from({ length: hosts }, (_, host): JobSnapshot['hosts'][number] => [
      host % 10,
      1,
      host % 3 === 0 ? null : 'worker-a',
      host % 5 === 0 ? null : { state: 'failed', reason: 'signal', message: `host ${host}` },
      0,
      host,
      host % 7 === 0 ? { released: true } : {},
    ]),
  };
}

function snapshotOf(...hosts: number[]): StateSnapshot {
  const jobs = hosts.map((count, at) => jobOf(at + 1, count));
  return { version: 3, nextJob: 9, atMs: 5, term: 1, nextIndex: 40, jobs };
}

const text = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString('utf8')) as StateSnapshot;

describe('the text of a snapshot', () => {
  it.each([[[]], [[0]], [[1]], [[3, 0, 2]], [[2000]], [[1999, 2]], [[2001, 1]], [[900, 900, 900, 5000, 1]]])(
    'says the same as the snapshot of jobs with %j hosts',
    async (hosts) => {
      const snapshot = snapshotOf(...hosts);
      const expected = JSON.parse(JSON.stringify(snapshot)) as StateSnapshot;
      const made = new SnapshotText(snapshot);
      expect(made.hosts).toBe(hosts.reduce((sum, count) => sum + count, 0));
      expect(text(await made.encode(() => Promise.resolve()))).toEqual(expected);
    },
  );

  it('lets others have their turn after some hosts, however these are spread over jobs', async () => {
    let turns = 0;
    const turn = () => Promise.resolve(turns++);
    await new SnapshotText(snapshotOf(1999)).encode(turn);
    expect(turns).toBe(0);
    await new SnapshotText(snapshotOf(10_000)).encode(turn);
    expect(turns).toBe(5);
    turns = 0;
    await new SnapshotText(snapshotOf(...Array.from({ length: 50 }, () => 100))).encode(turn);
    expect(turns).toBe(2);
  });

  it('is of the moment when it was begun, whatever changes in a turn of somebody else', async () => {
    const snapshot = snapshotOf(5000, 1);
    const expected = JSON.parse(JSON.stringify(snapshot)) as StateSnapshot;
    const limits = snapshot.jobs[1]!.accepted.limits;
    const encoded = await new SnapshotText(snapshot).encode(() => {
      limits.concurrent = 7;
      snapshot.jobs[1]!.state = 'halted';
      return Promise.resolve();
    });
    expect(text(encoded)).toEqual(expected);
  });
});
