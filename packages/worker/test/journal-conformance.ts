/** What every journal must do (A4, A6), whatever it is built on. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type FinalReport, type Journal, JournalState } from '@pogo/worker';
import { attempts, finished, type JournalFixture } from './journal-fixture.js';

/** What can be asked of a journal. */
function view({ state }: Journal) {
  return {
    term: state.termOf(0),
    held: sorted(state.held()),
    received: sorted(state.received()),
    begun: sorted(state.begun()),
    outgoing: sorted(state.outgoing()),
    settled: [...state.settled()],
    rexecs: state.rexecs,
  };
}

function sorted<T extends { job: number; host: number; attempt: number }>(items: T[]): T[] {
  return items.sort((a, b) => a.job - b.job || a.attempt - b.attempt || a.host - b.host);
}

export function describeJournal(name: string, make: () => Promise<JournalFixture>): void {
  async function onFixture(body: (fixture: JournalFixture) => Promise<void>): Promise<void> {
    const fixture = await make();
    try {
      await body(fixture);
    } finally {
      await fixture.dispose();
    }
  }

  describe(`the ${name} journal`, () => {
    test('begins empty, and keeps its id', () =>
      onFixture(async (fixture) => {
        const first = await fixture.open();
        expect(view(first)).toEqual({
          term: 0,
          held: [],
          received: [],
          begun: [],
          outgoing: [],
          settled: [],
          rexecs: [],
        });
        const { id } = first;
        expect(id).not.toBe('');
        expect((await fixture.open()).id).toBe(id);
      }));

    test('tells after a restart what was received, begun, refused and finished', () =>
      onFixture(async (fixture) => {
        const journal = await fixture.open();
        await journal.term(7, 0);
        await journal.received(attempts(1, [0, 1, 2, 3, 4]));
        await journal.received(attempts(2, [0], 3));
        await journal.begun(attempts(1, [1, 2, 3]));
        await journal.refused(attempts(1, [4]), 'halted');
        await journal.finished([finished({ job: 1, host: 2, attempt: 1 })]);
        await journal.rexecStarted({ pid: 12, startTime: 'boot/34' });
        const { state } = await fixture.open();
        expect(state.termOf(0)).toBe(7);
        expect(sorted(state.held())).toEqual([...attempts(1, [0, 1, 2, 3, 4]), ...attempts(2, [0], 3)]);
        expect(sorted(state.received())).toEqual([...attempts(1, [0]), ...attempts(2, [0], 3)]);
        expect(state.begun()).toEqual(attempts(1, [1, 3]));
        expect(sorted(state.outgoing())).toEqual([
          finished({ job: 1, host: 2, attempt: 1 }),
          { event: 'refused', job: 1, host: 4, attempt: 1, reason: 'halted' },
        ]);
        expect(state.rexecs).toEqual([{ pid: 12, startTime: 'boot/34' }]);
      }));

    test('holds no longer what was acknowledged, and forgets it only with a later term', () =>
      onFixture(async (fixture) => {
        let journal = await fixture.open();
        await journal.term(5, 0);
        await journal.received(attempts(1, [0, 1]));
        await journal.begun(attempts(1, [0]));
        const end = finished({ job: 1, host: 0, attempt: 1 });
        await journal.finished([end]);
        journal.acknowledged([end]);
        await journal.term(5, 0);
        journal = await fixture.open();
        expect(journal.state.held()).toEqual(attempts(1, [1]));
        expect(journal.state.outgoing()).toEqual([]);
        expect([...journal.state.settled()]).toEqual([
          { job: 1, groups: [{ attempt: 1, hosts: [0] }], term: 5 },
        ]);
        await journal.term(6, 0);
        journal = await fixture.open();
        expect([...journal.state.settled()]).toEqual([]);
        expect(journal.state.held()).toEqual(attempts(1, [1]));
      }));

    test('an order that comes again after its acknowledgement is not held again', () =>
      onFixture(async (fixture) => {
        let journal = await fixture.open();
        const [attempt] = attempts(1, [3]);
        await journal.received([attempt!]);
        await journal.refused([attempt!], 'halted');
        journal.acknowledged([{ event: 'refused', ...attempt!, reason: 'halted' }]);
        await journal.received([attempt!]);
        expect(journal.state.held()).toEqual([]);
        journal = await fixture.open();
        expect(journal.state.held()).toEqual([]);
      }));

    test('evidence outlives the acknowledgement of the unknown before it (E2)', () =>
      onFixture(async (fixture) => {
        let journal = await fixture.open();
        const [attempt] = attempts(1, [3]);
        await journal.received([attempt!]);
        await journal.begun([attempt!]);
        const unknown = finished(attempt!, 'unknown');
        const evidence = finished(attempt!);
        await journal.finished([unknown]);
        await journal.finished([evidence]);
        journal.acknowledged([unknown]);
        journal = await fixture.open();
        expect(journal.state.outgoing()).toEqual([evidence]);
        await journal.finished([unknown]);
        expect(journal.state.outgoing()).toEqual([evidence]);
        journal.acknowledged([evidence]);
        await journal.term(1, 0);
        journal = await fixture.open();
        expect(journal.state.outgoing()).toEqual([]);
        expect(journal.state.held()).toEqual([]);
      }));

    test('a process that has ended is not named any more', () =>
      onFixture(async (fixture) => {
        const journal = await fixture.open();
        await journal.rexecStarted({ pid: 12, startTime: 'boot/34' });
        await journal.rexecStarted({ pid: 13, startTime: 'boot/35' });
        journal.rexecEnded({ pid: 12, startTime: 'boot/34' });
        await journal.term(1, 0);
        expect((await fixture.open()).state.rexecs).toEqual([{ pid: 13, startTime: 'boot/35' }]);
      }));

    test('promises nothing more once it is closed', () =>
      onFixture(async (fixture) => {
        const journal = await fixture.open();
        await journal.close();
        expect(await journal.received(attempts(1, [0]))).toBe(false);
        expect(await journal.refused(attempts(1, [0]), 'halted')).toBe(false);
        await journal.close();
        expect((await fixture.open()).state.held()).toEqual([]);
      }));

    test('whatever was called, in whatever order, it is the same after a restart, and as its own snapshot says', () =>
      fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) =>
          onFixture(async (fixture) => {
            let journal = await fixture.open();
            for (const act of steps) {
              if (act !== 'reopen') {
                void act(journal);
                continue;
              }
              const before = view(journal);
              const snapshot = JournalState.of(journal.state.snapshot());
              journal = await fixture.open();
              expect(view(journal)).toEqual(before);
              expect(view({ ...journal, state: snapshot } as Journal)).toEqual(before);
            }
          }),
        ),
        { numRuns: 100 },
      ));
  });
}

type Step = 'reopen' | ((journal: Journal) => unknown);

const attempt = fc.record({
  job: fc.integer({ min: 1, max: 2 }),
  host: fc.integer({ min: 0, max: 3 }),
  attempt: fc.integer({ min: 1, max: 2 }),
});
const report = fc.oneof(
  fc
    .tuple(attempt, fc.constantFrom('succeeded' as const, 'unknown' as const))
    .map(([of, state]): FinalReport => finished(of, state)),
  attempt.map((of): FinalReport => ({ event: 'refused', ...of, reason: 'halted' })),
);
const several = fc.array(attempt, { minLength: 1, maxLength: 4 });
const pid = fc.integer({ min: 2, max: 4 });

/** Not only what a worker would call: the journal judges nothing. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.constant<Step>('reopen'), weight: 2 },
  fc.integer({ min: 1, max: 4 }).map(
    (term): Step =>
      (journal) =>
        journal.term(term, 0),
  ),
  several.map(
    (of): Step =>
      (journal) =>
        journal.received(of),
  ),
  several.map(
    (of): Step =>
      (journal) =>
        journal.begun(of),
  ),
  several.map(
    (of): Step =>
      (journal) =>
        journal.refused(of, 'halted'),
  ),
  report.map(
    (of): Step =>
      (journal) =>
        of.event === 'finished' && journal.finished([of]),
  ),
  report.map(
    (of): Step =>
      (journal) =>
        journal.acknowledged([of]),
  ),
  pid.map(
    (of): Step =>
      (journal) =>
        journal.rexecStarted({ pid: of, startTime: `boot/${of}` }),
  ),
  pid.map(
    (of): Step =>
      (journal) =>
        journal.rexecEnded({ pid: of, startTime: `boot/${of}` }),
  ),
);
