/** Hosts get their permits in the order of the targets (S12), whatever slots and stages divide them into. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostIndexes, isDisturbed, type LogEntry } from '@pogo/core';
import { Leader } from './job-fixture.js';

const racks = 12;

/** Ten hosts a rack, whose order in the job has nothing to do with racks. */
function leaderWith(limit: number): { leader: Leader; job: number } {
  const leader = new Leader();
  const values = Array.from(
    { length: racks },
    (_, rack) => [`r${rack}`, [`h[${rack}-119/${racks}]`]] as const,
  );
  leader.constrain({
    apps: { web: ['h[0-119]'] },
    envs: { rack: Object.fromEntries(values) },
    constraints: { rack: { concurrency: { web: { kind: 'count', count: limit } }, sequence: [] } },
  });
  return { leader, job: leader.submit('h[0-119]') };
}

/** What may be permitted next, told by the rules alone: the first hosts that have room in their racks. */
function expected({ leader, job }: { leader: Leader; job: number }, limit: number, room: number): number[] {
  const { hosts } = leader.state.jobs.get(job)!;
  const use = Array.from({ length: racks }, () => 0);
  hosts.forEach((host, index) => (use[index % racks]! += Number(isDisturbed(host))));
  const permitted: number[] = [];
  hosts.forEach((host, index) => {
    if (host.state !== 'waiting' || permitted.length === room || use[index % racks]! >= limit) return;
    use[index % racks]!++;
    permitted.push(index);
  });
  return permitted;
}

it('permits the first hosts that have room, after any hosts have ended', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(30), fc.array(fc.nat(200), { maxLength: 12 })), { maxLength: 40 }),
      (limit, steps) => {
        const scene = leaderWith(limit);
        const { leader, job } = scene;
        for (const [room, ending] of steps) {
          const running = leader.state.jobs
            .get(job)!
            .hosts.flatMap(({ state }, index) => (state === 'assigned' ? [index] : []));
          const capacity = running.length + room;
          const wanted = expected(scene, limit, room);
          const decisions = leader.decide({ workers: [{ name: 'a', capacity, keyIds: ['kid-a'] }] });
          const permitted = decisions.flatMap((entry: LogEntry) =>
            entry.type === 'hosts-permitted' ? [...hostIndexes(entry.hosts)] : [],
          );
          expect(permitted).toEqual(wanted);
          if (decisions.length > 0) leader.append(decisions);
          const live = leader.hostsIn(job, 'assigned');
          const ended = new Set(ending.flatMap((at) => (live.length > 0 ? [live[at % live.length]!] : [])));
          leader.finish(job, [...ended], { state: 'succeeded' });
          if (leader.state.jobs.get(job)!.state === 'succeeded') return;
        }
      },
    ),
    { numRuns: 300 },
  );
});
