import {
  keptNamespaceVersions,
  restoreState,
  snapshotState,
  SnapshotTooNew,
  type StateSnapshot,
} from '@pogo/core';
import { describe, expect, it } from 'vitest';
import { Leader, submission } from './job-fixture.js';

describe('a snapshot', () => {
  it('of version 1 is read, its orders with the least index that they can have', () => {
    const leader = new Leader();
    leader.accept();
    const accepted = { type: 'job-accepted' as const, job: 7, ...submission({ hosts: 3 }) };
    const saved: StateSnapshot = {
      version: 1,
      nextJob: 8,
      atMs: 5000,
      term: 2,
      nextIndex: 40,
      jobs: [
        {
          accepted,
          acceptedIndex: 30,
          acceptedAtMs: 1000,
          state: 'running',
          halt: null,
          proven: true,
          usedMs: 0,
          clockSinceMs: 1000,
          endedAtMs: null,
          lastIndex: 39,
          hosts: [
            [0, 1, null, null, 0],
            [4, 1, 'a', null, 0],
            [11, 1, 'a', { state: 'unknown', reason: 'rexec-lost' }, 0],
          ],
        },
      ],
    };
    const state = restoreState(JSON.parse(JSON.stringify(saved)) as StateSnapshot);
    const job = state.jobs.get(7)!;
    expect(job).toMatchObject({ recipients: ['kid-a'], credentialsAtMs: 1000, disturbed: 2, asking: 0 });
    expect(job.hosts.map(({ state: at, index }) => [at, index])).toEqual([
      ['waiting', -1],
      ['running', 30],
      ['unknown', 30],
    ]);
    expect(restoreState(snapshotState(state))).toEqual(state);
  });

  it('gives hosts outcomes that share what they have in common', () => {
    const leader = new Leader();
    const job = leader.accept({ hosts: 2 });
    leader.plan();
    const nothing = {
      bytes: 0,
      sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    };
    for (const host of [0, 1]) {
      const outcome = { state: 'failed' as const, reason: 'signal' as const, stderr: nothing };
      leader.append([{ type: 'host-finished', job, host, attempt: 1, outcome }]);
    }
    const saved = JSON.stringify(snapshotState(leader.state));
    const { hosts } = restoreState(JSON.parse(saved) as StateSnapshot).jobs.get(job)!;
    expect(hosts.map(({ outcome }) => outcome?.stderr)).toEqual([nothing, nothing]);
    expect(hosts[0]!.outcome!.stderr).toBe(hosts[1]!.outcome!.stderr);
  });

  it('of version 3 is read, the version of the namespace in force as one that nobody knows the history of', () => {
    const leader = new Leader();
    leader.constrain({ apps: { web: ['web[1-3]'] } });
    const { namespaceVersions: _unknown, ...rest } = snapshotState(leader.state);
    const saved = JSON.stringify({ ...rest, version: 3 });
    const state = restoreState(JSON.parse(saved) as StateSnapshot, leader.documents);
    expect(state.constraints).toMatchObject({
      version: 1,
      versions: [{ version: 1, ref: 'namespaces/1', by: undefined, atMs: undefined, index: -1 }],
    });
    expect(state.constraints.namespace?.hosts).toHaveLength(3);
  });

  it('keeps the newest hundred versions of the namespace, with who applied them and when', () => {
    const leader = new Leader();
    for (let count = 1; count <= 103; count++) leader.constrain({ apps: { web: [`web[1-${count}]`] } });
    const { versions } = leader.state.constraints;
    expect(versions.map(({ version }) => version)).toEqual(
      Array.from({ length: keptNamespaceVersions }, (_, index) => index + 4),
    );
    expect(versions.at(-1)).toEqual({ version: 103, ref: 'namespaces/103', by: 'ada', atMs: 0, index: 102 });
    const saved = JSON.stringify(snapshotState(leader.state));
    const { constraints } = restoreState(JSON.parse(saved) as StateSnapshot, leader.documents);
    expect(constraints.versions).toEqual(versions);
  });

  it.each([1, 2, 3, 4, 5, 6, 7] as const)('of version %i is read', (version) => {
    const leader = new Leader();
    leader.submit('web[1-2]');
    const saved = { ...snapshotState(leader.state), version };
    expect(restoreState(saved, leader.documents).jobs.size).toBe(1);
  });

  it('of a later version is refused', () => {
    const present = snapshotState(new Leader().state);
    const later = { ...present, version: present.version + 1 };
    expect(() => restoreState(JSON.parse(JSON.stringify(later)) as StateSnapshot)).toThrow(SnapshotTooNew);
  });
});
