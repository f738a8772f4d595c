import assert from 'node:assert/strict';
import type fastCheck from 'fast-check';
import type { Log, LogEntry } from '../log.js';
import type { OnNewStore, TestFramework } from './conformance.js';
import { batchOf } from './samples.js';

/** The simplest log that keeps the contract: every entry ever appended, and a pointer. */
interface Model {
  entries: LogEntry[];
  floor: number;
  snapshot: string | null;
  version: number;
}

type Step =
  | { kind: 'append'; handle: number; offset: number; writer: string; id: string }
  | { kind: 'read'; handle: number; from: number; limit: number }
  | { kind: 'prune'; handle: number; before: number; stale: boolean };

/** Any sequence of calls through two handles answers what the model answers. */
export function describeLogModel(
  { describe, it }: TestFramework,
  onNewStore: OnNewStore,
  property: typeof fastCheck,
): void {
  const handle = property.nat({ max: 1 });
  const step: fastCheck.Arbitrary<Step> = property.oneof(
    {
      weight: 5,
      arbitrary: property.record({
        kind: property.constant('append' as const),
        handle,
        // Relative to the end: mostly at it, else before or beyond.
        offset: property.oneof(
          { weight: 3, arbitrary: property.constant(0) },
          property.integer({ min: -4, max: 2 }),
        ),
        writer: property.constantFrom('a', 'b'),
        id: property.constantFrom('1', '2', '3'),
      }),
    },
    {
      weight: 2,
      arbitrary: property.record({
        kind: property.constant('read' as const),
        handle,
        from: property.nat({ max: 12 }),
        limit: property.integer({ min: 1, max: 5 }),
      }),
    },
    {
      weight: 1,
      arbitrary: property.record({
        kind: property.constant('prune' as const),
        handle,
        before: property.nat({ max: 12 }),
        stale: property.boolean(),
      }),
    },
  );

  describe('log model', () => {
    it(
      'answers every sequence of appends, reads and prunings as the model does',
      onNewStore(async (openHandle) => {
        const stores = [await openHandle(), await openHandle()];
        let runs = 0;
        await property.assert(
          property.asyncProperty(property.array(step, { maxLength: 40 }), async (steps) => {
            runs += 1;
            const logs = stores.map((store) => store.log(`run-${runs}`));
            const model: Model = {
              entries: [],
              floor: 0,
              snapshot: null,
              version: (await logs[0]!.pointer()).version,
            };
            for (const each of steps) await compare(logs[each.handle]!, model, each);
          }),
          { numRuns: 60 },
        );
      }),
    );
  });
}

async function compare(log: Log, model: Model, step: Step): Promise<void> {
  const next = model.entries.length;
  switch (step.kind) {
    case 'append': {
      const index = Math.max(0, next + step.offset);
      const batch = batchOf(step.writer, step.id);
      assert.deepEqual(await log.append(index, batch), modelAppend(model, index, step));
      return;
    }
    case 'read': {
      const { floor, snapshot } = model;
      const entries = model.entries.slice(step.from, step.from + step.limit);
      const expected =
        step.from < floor
          ? { kind: 'pruned', floor, snapshot }
          : { kind: 'entries', entries, next: step.from + entries.length };
      assert.deepEqual(await log.read(step.from, step.limit), expected);
      return;
    }
    case 'prune': {
      const expectedVersion = step.stale ? model.version - 1 : model.version;
      const snapshot = `s${step.before}`;
      const outcome = await log.prune({ before: step.before, snapshot, expectedVersion });
      const { floor, version } = model;
      if (step.stale || step.before < floor) {
        assert.deepEqual(outcome, {
          kind: 'conflict',
          pointer: { floor, snapshot: model.snapshot, version },
        });
      } else if (step.before > next) {
        assert.deepEqual(outcome, { kind: 'gap', next });
      } else {
        assert.equal(outcome.kind, 'ok');
        const pointer = await log.pointer();
        assert.notEqual(pointer.version, version);
        Object.assign(model, { floor: step.before, snapshot, version: pointer.version });
        assert.deepEqual(pointer, { floor: model.floor, snapshot, version: model.version });
      }
    }
  }
}

function modelAppend(model: Model, index: number, { writer, id }: { writer: string; id: string }) {
  const { entries, floor } = model;
  if (index < floor) return { kind: 'pruned', floor };
  if (index > entries.length) return { kind: 'gap', next: entries.length };
  const found = entries[index]?.batch;
  if (found === undefined) {
    entries.push({ index, batch: batchOf(writer, id) });
    return { kind: 'ok' };
  }
  if (found.writer === writer && found.id === id) return { kind: 'ok' };
  return { kind: 'conflict', found: { writer: found.writer, id: found.id } };
}
