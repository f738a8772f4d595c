/** Orders of several namespaces at one worker: each has its terms, and its reports (A2, A4). */
import { firstJobOf } from '@pogo/core';
import { journalRecordSchema } from '@pogo/protocol';
import { afterAll, afterEach, expect, test } from 'vitest';
import { AttemptBook } from '../src/attempt-book.js';
import { JournalState } from '../src/journal/journal-state.js';
import { removePrograms, startCluster, stopClusters } from './cluster.js';

afterEach(() => stopClusters());
afterAll(removePrograms);
const ours = 1;
const theirs = firstJobOf(1);

test('a term of one namespace says nothing about the orders of another', async () => {
  const { dispatcher } = await startCluster();
  expect(await dispatcher.lead(1, 3)).toEqual({ kind: 'taken', held: [], credentials: [] });
  dispatcher.term = 9;
  await dispatcher.open(ours, { '*': 'hold' });
  dispatcher.term = 3;
  expect(await dispatcher.open(theirs, { '*': 'ok' })).toEqual({ kind: 'taken' });
  expect(await dispatcher.assign(theirs, [0])).toEqual({ kind: 'taken' });
  expect(await dispatcher.open(ours, {})).toEqual({ kind: 'stale-term', term: 9 });
  expect(await dispatcher.ends(1)).toMatchObject([{ job: theirs, outcome: { state: 'succeeded' } }]);
  dispatcher.term = 2;
  expect(await dispatcher.assign(theirs, [1])).toEqual({ kind: 'stale-term', term: 3 });
});

test('who begins to lead a namespace hears what is held of that one, and nothing of others', async () => {
  const { dispatcher } = await startCluster();
  await dispatcher.lead(1);
  await dispatcher.open(ours, { '*': 'hold' });
  await dispatcher.open(theirs, { '*': 'hold' });
  await dispatcher.assign(ours, [0]);
  await dispatcher.assign(theirs, [4]);
  const held = [{ job: theirs, host: 4, attempt: 1 }];
  expect(await dispatcher.lead(1, 5)).toEqual({ kind: 'taken', held, credentials: [theirs] });
  expect(await dispatcher.lead(0)).toMatchObject({ held: [{ job: ours, host: 0, attempt: 1 }] });
  expect(await dispatcher.lead(7)).toEqual({ kind: 'taken', held: [], credentials: [] });
  expect(await dispatcher.lead(1, 4)).toEqual({ kind: 'stale-term', term: 5 });
});

test('reports of a namespace that nobody leads wait, and those of others do not wait for them', async () => {
  const { dispatcher } = await startCluster();
  dispatcher.term = 2;
  await dispatcher.open(theirs, { '*': 'ok' });
  await dispatcher.open(ours, { '*': 'ok' });
  await dispatcher.assign(theirs, [0]);
  await dispatcher.assign(ours, [0]);
  expect(await dispatcher.ends(1)).toMatchObject([{ job: ours }]);
  await dispatcher.lead(1);
  expect((await dispatcher.ends(2))[1]).toMatchObject({ job: theirs, outcome: { state: 'succeeded' } });
  // No call has reports of two namespaces.
  for (const { reports } of dispatcher.calls)
    expect(new Set(reports.map(({ job }) => job)).size).toBeLessThanOrEqual(1);
});

test('what was acknowledged is forgotten with a later term of its own namespace only', () => {
  const state = JournalState.of([
    { type: 'term', term: 4, namespace: 0 },
    { type: 'term', term: 2, namespace: 1 },
    { type: 'received', job: ours, attempts: [{ attempt: 1, hosts: [0] }] },
    { type: 'received', job: theirs, attempts: [{ attempt: 1, hosts: [0] }] },
    { type: 'acknowledged', job: ours, attempts: [{ attempt: 1, hosts: [0] }], unknown: [] },
    { type: 'acknowledged', job: theirs, attempts: [{ attempt: 1, hosts: [0] }], unknown: [] },
  ]);
  const jobs = () => [...state.settled()].map(({ job, term }) => ({ job, term }));
  expect(jobs()).toEqual([
    { job: ours, term: 4 },
    { job: theirs, term: 2 },
  ]);
  const book = AttemptBook.from(state);
  state.apply({ type: 'term', term: 5, namespace: 0 });
  book.forgetBefore(5, 0);
  expect(jobs()).toEqual([{ job: theirs, term: 2 }]);
  expect(book.take(ours, [{ host: 0, attempt: 1 }])).toHaveLength(1);
  expect(book.take(theirs, [{ host: 0, attempt: 1 }])).toEqual([]);
  const again = JournalState.of(state.snapshot());
  expect([0, 1, 2].map((namespace) => again.termOf(namespace))).toEqual([5, 2, 0]);
});

test('a journal from before there were several namespaces has the terms of default', () => {
  const record = journalRecordSchema.parse({ type: 'term', term: 6 });
  const state = JournalState.of([record]);
  expect(state.termOf(0)).toBe(6);
  expect(state.termOf(1)).toBe(0);
});
