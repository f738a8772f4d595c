/** A snapshot as each release wrote it, in `golden`: it is never changed, and read for good. Earlier ones: snapshot.test.ts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createState, restoreState, snapshotState, type StateSnapshot } from '@pogo/core';
import { expect, it } from 'vitest';

const folder = join(import.meta.dirname, 'golden');
const files = readdirSync(folder).filter((name) => /^snapshot-\d+\.json$/.test(name));
const read = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as StateSnapshot;

it('there is one of the present version', () => {
  expect(files).toContain(`snapshot-${snapshotState(createState()).version}.json`);
});

it.each(files)('%s is read, and comes to the same state when it is written and read again', (file) => {
  const state = restoreState(read(file));
  const written = JSON.parse(JSON.stringify(snapshotState(state))) as StateSnapshot;
  expect(restoreState(written)).toEqual(state);
  if (written.version === read(file).version) expect(written).toEqual(read(file));
});

it.each(files)('%s is read without what it may lack, and with what a later release adds', (file) => {
  const { leader, frozen, drained, ...rest } = read(file);
  expect([leader, frozen, drained]).not.toContain(undefined);
  expect(restoreState(rest).jobs.size).toBe(rest.jobs.length);
  const state = restoreState({ ...read(file), ...{ fromALaterRelease: { at: 1 } } });
  expect(state).toEqual(restoreState(read(file)));
});
