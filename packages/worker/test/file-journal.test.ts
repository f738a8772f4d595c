import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ManualClock, systemClock } from '@pogo/lifecycle';
import { FileJournal } from '@pogo/worker';
import { afterAll, afterEach, expect, test } from 'vitest';
import { encodeFrame } from '../src/journal/file/journal-frame.js';
import { startTimeOf } from '../src/process-identity.js';
import { KeptLog, programOf, removePrograms } from './cluster.js';
import { FaultyDisk } from './faulty-disk.js';
import {
  attempts,
  fileJournals,
  type FileJournalFixture,
  finished,
  openFileJournal,
  range,
} from './journal-fixture.js';

afterAll(removePrograms);
const fixtures: FileJournalFixture[] = [];
afterEach(async () => {
  for (const fixture of fixtures.splice(0)) await fixture.dispose();
});

async function fixtureOf(...options: Parameters<typeof fileJournals>): Promise<FileJournalFixture> {
  const fixture = await fileJournals(...options);
  fixtures.push(fixture);
  return fixture;
}

async function onlySegment(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('segment-'));
  expect(names).toHaveLength(1);
  return join(directory, names[0]!);
}

function failureOf(directory: string) {
  const options = { directory, clock: systemClock, random: () => 0, log: new KeptLog() };
  return FileJournal.open(options).then(async (outcome) => {
    if (outcome.kind === 'failed') return outcome.failure;
    await outcome.journal.close();
    return undefined;
  });
}

test('directory and files are private', async () => {
  const fixture = await fixtureOf();
  await mkdir(fixture.directory, { mode: 0o755 });
  const journal = await fixture.open();
  await journal.term(1, 0);
  expect((await stat(fixture.directory)).mode & 0o777).toBe(0o700);
  for (const name of await readdir(fixture.directory)) {
    expect((await stat(join(fixture.directory, name))).mode & 0o777).toBe(0o600);
  }
});

test('a lost directory, and another one, have another id', async () => {
  const [one, two] = [await fixtureOf(), await fixtureOf()];
  const first = (await one.open()).id;
  expect((await two.open()).id).not.toBe(first);
  await (await one.open()).close();
  await unlink(await onlySegment(one.directory));
  expect((await one.open()).id).not.toBe(first);
});

test('a tail that is torn at any byte is cut, and what came before it is kept', async () => {
  const fixture = await fixtureOf();
  const journal = await fixture.open();
  const steps: { bytes: number; held: number }[] = [];
  for (const host of range(3)) {
    await journal.received(attempts(1, [host]));
    steps.push({ bytes: journal.bytes, held: host + 1 });
  }
  const whole = await readFile(await onlySegment(fixture.directory));
  await journal.close();
  const path = await onlySegment(fixture.directory);
  for (let length = steps[0]!.bytes; length <= whole.length; length++) {
    await writeFile(path, whole.subarray(0, length));
    const log = new KeptLog();
    const opened = await openFileJournal({ directory: fixture.directory, log });
    const known = steps.filter(({ bytes }) => bytes <= length).at(-1)!;
    expect(opened.state.held()).toHaveLength(known.held);
    expect(opened.bytes).toBe(known.bytes);
    expect(log.of('torn tail')).toHaveLength(length === known.bytes ? 0 : 1);
    // What is written behind the cut is found again.
    await opened.received(attempts(2, [9]));
    await opened.close();
    const again = await openFileJournal({ directory: fixture.directory });
    expect(again.state.held()).toHaveLength(known.held + 1);
    await again.close();
  }
});

test('a tail of garbage or zeros, and one that a power cut left out of order, is cut', async () => {
  const fixture = await fixtureOf();
  const disk = new FaultyDisk();
  const journal = await fixture.open({ openFile: disk.openFile });
  await journal.received(attempts(1, [0]));
  const synced = journal.bytes;
  // Two writes without a sync between them: the first is lost, the second is there.
  journal.acknowledged([finished({ job: 1, host: 0, attempt: 1 })]);
  while (journal.bytes === synced) await new Promise((resolve) => setImmediate(resolve));
  const between = journal.bytes;
  journal.acknowledged([finished({ job: 1, host: 0, attempt: 1 })]);
  while (journal.bytes === between) await new Promise((resolve) => setImmediate(resolve));
  const path = await onlySegment(fixture.directory);
  const whole = await readFile(path);
  await journal.close();
  for (const tail of [
    Buffer.concat([Buffer.alloc(between - synced), whole.subarray(between)]),
    Buffer.alloc(5000),
    Buffer.from('PJF1 and then nothing that makes sense'),
  ]) {
    await writeFile(path, Buffer.concat([whole.subarray(0, synced), tail]));
    const opened = await openFileJournal({ directory: fixture.directory });
    expect(opened.state.held()).toEqual(attempts(1, [0]));
    expect(opened.bytes).toBe(synced);
    await opened.close();
  }
});

test('damage to any byte that was durable is an error that names the file, and changes nothing', async () => {
  const fixture = await fixtureOf();
  const journal = await fixture.open();
  for (const host of range(4)) await journal.received(attempts(1, [host]));
  await journal.close();
  const path = await onlySegment(fixture.directory);
  const whole = await readFile(path);
  const last = whole.lastIndexOf('PJF1');
  for (let at = 0; at < last; at++) {
    const bytes = Buffer.from(whole);
    bytes[at] = bytes[at]! ^ 0x20;
    await writeFile(path, bytes);
    const failure = await failureOf(fixture.directory);
    expect(failure, `byte ${at}`).toMatchObject({ code: 'journal-damaged' });
    expect(failure?.message).toContain(path);
    expect(failure?.message).toContain('move the whole directory away');
    expect((await readFile(path)).equals(bytes)).toBe(true);
  }
  await writeFile(path, whole);
  expect(await failureOf(fixture.directory)).toBeUndefined();
});

test('a segment without its beginning, of a newer version, or that is none at all, is an error', async () => {
  const fixture = await fixtureOf();
  await (await fixture.open()).close();
  const path = await onlySegment(fixture.directory);
  const whole = await readFile(path);
  for (const [bytes, code] of [
    [Buffer.alloc(0), 'journal-damaged'],
    [Buffer.from('hello'), 'journal-damaged'],
    [whole.subarray(7), 'journal-damaged'],
  ] as const) {
    await writeFile(path, bytes);
    expect(await failureOf(fixture.directory)).toMatchObject({ code });
  }
  const head = { version: 2, everything: 'else' };
  await writeFile(path, encodeFrame({ syncedBytes: 0, payload: Buffer.from(JSON.stringify(head)) }));
  expect(await failureOf(fixture.directory)).toMatchObject({ code: 'journal-format-newer' });
});

test('a crash between two segments leaves the newer one in force, and half of one is never used', async () => {
  const fixture = await fixtureOf();
  const journal = await fixture.open();
  await journal.received(attempts(1, [0]));
  const old = await onlySegment(fixture.directory);
  await copyFile(old, `${fixture.directory}-old`);
  await journal.close();
  const compacting = await fixture.open({ growthBytes: 1 });
  await compacting.received(attempts(1, [1]));
  await compacting.received(attempts(1, [2]));
  await compacting.close();
  const current = await onlySegment(fixture.directory);
  expect(current).not.toBe(old);
  await copyFile(`${fixture.directory}-old`, old);
  await writeFile(join(fixture.directory, 'segment-0000000009.new'), 'half of a seg');
  expect((await fixture.open()).state.held()).toEqual(attempts(1, [0, 1, 2]));
  expect(await onlySegment(fixture.directory)).toBe(current);
  expect(await readdir(fixture.directory)).toHaveLength(2);
});

test('two workers cannot open the same journal; a claim of a dead one is cleared away', async () => {
  const fixture = await fixtureOf();
  const journal = await fixture.open();
  expect(await failureOf(fixture.directory)).toMatchObject({
    code: 'journal-locked',
    message: expect.stringContaining(fixture.directory) as string,
  });
  await journal.close();
  // Another process, alive.
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const ended = once(child, 'exit');
  const claim = `lock-${child.pid!}-${startTimeOf(child.pid!)!.replace('/', '-')}`;
  await writeFile(join(fixture.directory, claim), '');
  expect(await failureOf(fixture.directory)).toMatchObject({
    code: 'journal-locked',
    message: expect.stringContaining(`process ${child.pid!}`) as string,
  });
  expect(await readdir(fixture.directory)).toContain(claim);
  child.stdin.end();
  await ended;
  expect(await failureOf(fixture.directory)).toBeUndefined();
  expect(await readdir(fixture.directory)).not.toContain(claim);
  // The same pid, started at another time: not the one that made the claim.
  const [self] = (await readdir('/proc/self/task')).map(Number);
  await writeFile(join(fixture.directory, `lock-${self!}-00000000-0000-0000-0000-000000000000-1`), '');
  expect(await failureOf(fixture.directory)).toBeUndefined();
});

test('a directory that cannot be used is an error with its path and the cause', async () => {
  const fixture = await fixtureOf();
  await writeFile(`${fixture.directory}`, 'a file');
  expect(await failureOf(fixture.directory)).toMatchObject({
    code: 'journal-unavailable',
    message: expect.stringContaining(fixture.directory) as string,
  });
  await unlink(fixture.directory);
  expect(await failureOf('/dev/null/journal')).toMatchObject({ code: 'journal-unavailable' });
});

test('what is called in one turn costs one write and one sync, and a result alone waits for no one', async () => {
  const fixture = await fixtureOf();
  const disk = new FaultyDisk();
  const clock = new ManualClock();
  const journal = await fixture.open({ openFile: disk.openFile, clock });
  const [writes, syncs] = [disk.writes, disk.syncs];
  await Promise.all([
    journal.received(attempts(1, range(1000))),
    journal.received(attempts(2, range(1000))),
    journal.begun(attempts(1, range(1000))),
  ]);
  expect([disk.writes - writes, disk.syncs - syncs]).toEqual([1, 1]);
  let isDurable = false;
  const result = journal.finished([finished({ job: 1, host: 0, attempt: 1 })]).then(() => (isDurable = true));
  while (disk.writes - writes < 2) await new Promise((resolve) => setImmediate(resolve));
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  // Written at once, synced later.
  expect([disk.syncs - syncs, isDurable]).toEqual([1, false]);
  clock.advance(20);
  await result;
  expect(disk.syncs - syncs).toBe(2);
  // Or with the next fact that somebody waits for.
  const another = journal.finished([finished({ job: 1, host: 1, attempt: 1 })]);
  await journal.begun(attempts(2, [0]));
  expect(await another).toBe(true);
  expect(disk.syncs - syncs).toBe(3);
});

test('nothing is durable before the disk has synced it', async () => {
  const fixture = await fixtureOf();
  const disk = new FaultyDisk();
  const journal = await fixture.open({ openFile: disk.openFile });
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  let reached: () => void = () => undefined;
  const syncing = new Promise<void>((resolve) => (reached = resolve));
  disk.beforeSync = () => {
    reached();
    return gate;
  };
  let isDurable = false;
  const begun = journal.begun(attempts(1, [0])).then(() => (isDurable = true));
  await syncing;
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect(isDurable).toBe(false);
  letGo();
  await begun;
});

test.each([
  ['a full disk', { code: 'ENOSPC', roomBytes: 10 }, 'journal-full', 'free some space'],
  ['a disk that fails at writing', { code: 'EIO', roomBytes: 0 }, 'journal-unavailable', 'i/o error'],
  [
    'a disk that fails at syncing',
    { code: 'EIO', roomBytes: 0, syncs: true },
    'journal-unavailable',
    'i/o error',
  ],
] as const)(
  '%s: nobody is answered, it is said once, and all of it is durable when the disk is well again',
  async (_name, fault, code, text) => {
    const fixture = await fixtureOf();
    const disk = new FaultyDisk();
    const clock = new ManualClock();
    const journal = await fixture.open({ openFile: disk.openFile, clock });
    await journal.received(attempts(1, [0]));
    disk.fault = { ...fault };
    let failures = 0;
    disk.onFailure = () => failures++;
    const answers: string[] = [];
    const begun = journal.begun(attempts(1, [0])).then(() => answers.push('begun'));
    const refused = journal.refused(attempts(1, [1]), 'halted').then(() => answers.push('refused'));
    while (failures < 3) {
      clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(answers).toEqual([]);
    expect(fixture.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    const [line] = fixture.log.lines.filter(({ level }) => level === 'error');
    expect(line).toMatchObject({ fields: { code }, message: expect.stringContaining(text) as string });
    expect(line?.message).toContain(fixture.directory);
    disk.fault = undefined;
    while (answers.length < 2) {
      clock.advance(5_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([begun, refused]);
    expect(fixture.log.of('can be written again')).toHaveLength(1);
    await journal.received(attempts(2, [7]));
    const { state } = await fixture.open({ openFile: disk.openFile, clock });
    expect(state.begun()).toEqual(attempts(1, [0]));
    expect(state.outgoing()).toMatchObject([{ host: 1, event: 'refused' }]);
    expect(state.received()).toEqual(attempts(2, [7]));
  },
);

test('a journal that is closed while the disk is full answers that nothing came of it', async () => {
  const fixture = await fixtureOf();
  const disk = new FaultyDisk();
  const journal = await fixture.open({ openFile: disk.openFile });
  await journal.received(attempts(1, [0]));
  disk.fault = { code: 'ENOSPC', roomBytes: 3 };
  const begun = journal.begun(attempts(1, [0]));
  await journal.close();
  expect(await begun).toBe(false);
  disk.fault = undefined;
  const { state } = await fixture.open();
  expect(state.received()).toEqual(attempts(1, [0]));
});

test('100,000 attempts through all their states leave a small journal, and a restart knows each of them', async () => {
  const fixture = await fixtureOf({ growthBytes: 1024 * 1024 });
  let journal = await fixture.open();
  await journal.term(3, 0);
  let largest = 0;
  for (const part of range(100)) {
    const batch = range(1000).map((host) => ({ job: 1, host: part * 1000 + host, attempt: 1 }));
    void journal.received(batch);
    await journal.begun(batch);
    const ends = batch.map((attempt) => finished(attempt));
    for (let at = 0; at < ends.length; at += 50) void journal.finished(ends.slice(at, at + 50));
    // Ten thousand are not acknowledged at any time.
    if (part >= 10) {
      const earlier = batch.map((attempt) => finished({ ...attempt, host: attempt.host - 10_000 }));
      journal.acknowledged(earlier);
    }
    await journal.refused([{ job: 2, host: part, attempt: 1 }], 'halted');
    let bytes = 0;
    for (const name of await readdir(fixture.directory))
      bytes += (await stat(join(fixture.directory, name))).size;
    largest = Math.max(largest, bytes);
  }
  journal = await fixture.open();
  expect(journal.state.outgoing()).toHaveLength(10_100);
  expect([...journal.state.settled()]).toEqual([
    { job: 1, groups: [{ attempt: 1, hosts: [[0, 89_999]] }], term: 3 },
  ]);
  // Every one of them was in it once; at any time there was room for what mattered, twice, and the growth.
  expect(largest).toBeLessThan(6 * 1024 * 1024);
  journal.acknowledged(journal.state.outgoing());
  await journal.term(4, 0);
  journal = await fixture.open({ growthBytes: 1 });
  await journal.term(5, 0);
  await journal.term(6, 0);
  expect(journal.bytes).toBeLessThan(1000);
});

test('a process that is killed in the middle of its calls loses nothing that it was told is durable', async () => {
  const fixture = await fixtureOf();
  for (let round = 0; round < 5; round++) {
    const child = spawn(
      process.execPath,
      [await programOf('journal-writer.ts'), fixture.directory, String(round)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const told: number[] = [];
    const lines = createInterface(child.stdout);
    for await (const line of lines) {
      told.push(Number(line));
      if (told.length === 20 + round * 13) child.kill('SIGKILL');
    }
    const journal = await openFileJournal({ directory: fixture.directory });
    const held = new Set(
      journal.state
        .begun()
        .filter(({ job }) => job === round)
        .map(({ host }) => host),
    );
    for (const host of told) expect(held.has(host)).toBe(true);
    expect(told.length).toBeGreaterThanOrEqual(20);
    await journal.close();
  }
});
