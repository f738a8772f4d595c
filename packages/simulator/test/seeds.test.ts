import { describe, expect, it } from 'vitest';
import { replayCommand, runSeeds, simulate } from '../src/index.js';

/** Seeds of the ordinary run; `npm run simulate` takes as many as somebody has patience for. */
const ordinarySeeds = 2000;

describe('the production code', () => {
  it(`keeps its invariants over ${ordinarySeeds} seeds`, { timeout: 300_000 }, async () => {
    const total = await runSeeds({ first: 1, count: ordinarySeeds, stopAtFirst: true });
    const failures = total.failed.map((result) => ({
      again: replayCommand(result),
      violations: result.violations.slice(0, 3),
    }));
    expect(failures).toEqual([]);
    // What never happens is not tested: each of these has to come about on the way.
    for (const name of [
      'job-ended succeeded',
      'job-ended failed',
      'job-ended halted',
      'job-ended deadlocked',
      'hosts-refused',
      'hosts-halted',
      'credentials-lost',
      'host-finished unknown worker-lost',
      'host-finished unknown rexec-lost',
      'host-finished unknown connection-lost',
      'host-finished timed-out command-timeout',
      'host-finished killed halt-kill',
    ]) {
      expect(total.seen.get(name) ?? 0, name).toBeGreaterThan(10);
    }
    expect(total.commands).toBeGreaterThan(ordinarySeeds);
  });
});

describe('a seed', () => {
  it('happens again exactly', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
      const once = await simulate({ seed });
      const again = await simulate({ seed });
      expect(again.digest, `seed ${seed}`).toBe(once.digest);
      expect(again.events).toBe(once.events);
    }
  });

  it('differs from another', async () => {
    const digests = new Set<string>();
    for (const seed of [1, 2, 3, 4, 5]) digests.add((await simulate({ seed })).digest);
    expect(digests.size).toBe(5);
  });

  it('names the command that shows it again', () => {
    expect(replayCommand({ seed: 7, hosts: 2, bug: 'double-dispatch' })).toBe(
      'npm run simulate -- --seed 7 --hosts 2 --bug double-dispatch --trace',
    );
  });
});
