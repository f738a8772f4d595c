import { queryObjects } from 'node:v8';
import { MemoryBacking } from '@pogo/store';
import { describe, expect, it } from 'vitest';
import { JobHistory } from '../src/events/job-history.js';

function historyOf() {
  const store = new MemoryBacking().openHandle();
  const history = new JobHistory({ log: store.log('default'), keptEntries: 100 });
  const about = (index: number, job: number) =>
    history.appended({ index, atMs: 0, entries: [{ type: 'credentials-lost', job }] });
  return { history, about };
}

describe('a watch on a job', () => {
  it('tells at once what was appended while the reader was busy, and then waits', async () => {
    const { history, about } = historyOf();
    const watch = history.watch(1, new AbortController().signal);
    about(0, 1);
    about(1, 2);
    about(2, 1);
    expect(await watch.changed()).toBe(0);
    const next = watch.changed();
    about(3, 2);
    about(4, 1);
    expect(await next).toBe(4);
    watch.close();
    expect(await watch.changed()).toBeUndefined();
  });

  it('is over when the reader goes, when leadership ends, and when it was opened too late for either', async () => {
    const { history, about } = historyOf();
    const reader = new AbortController();
    const abandoned = history.watch(1, reader.signal).changed();
    reader.abort();
    expect(await abandoned).toBeUndefined();
    expect(await history.watch(1, reader.signal).changed()).toBeUndefined();
    const deposed = history.watch(1, new AbortController().signal);
    const waiting = deposed.changed();
    history.lost();
    expect(await waiting).toBeUndefined();
    about(0, 1);
    expect(await deposed.changed()).toBeUndefined();
  });
});

describe('the history', () => {
  it('keeps no more than it may of what was appended, however much that was', () => {
    class Entry {
      readonly type = 'credentials-lost';
      readonly job = 1;
    }
    const { history } = historyOf();
    for (let index = 0; index < 1000; index++) history.appended({ index, atMs: 0, entries: [new Entry()] });
    // Counted after a collection.
    expect(queryObjects(Entry)).toBe(100);
  });
});
