import { appendFile, mkdtemp, open, readFile, rm, stat, truncate, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@pogo/lifecycle';
import { decodeOutputFrame, type OpenOutputParams, type OutputFrame } from '@pogo/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JobSpool } from '../src/job-spool.js';
import type { OpenFile } from '../src/spool-file.js';
import { OutputFollower } from '../src/output-follower.js';
import { Spool } from '../src/spool.js';
import { KeptLog } from './cluster.js';
import { withWrite } from './slow-disk.js';

let directory = '';
let log = new KeptLog();
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-spool-'));
  log = new KeptLog();
});
afterEach(() => rm(directory, { recursive: true }));

const spoolIn = (retentionMs = 1000) => new Spool({ directory, retentionMs, clock: systemClock, log });
const file = () => join(directory, 'p0000000001.spool');

function output(host: number, stream: 'stdout' | 'stderr', offset: number, data: Uint8Array): OutputFrame {
  return { subscription: 0, kind: stream, host, attempt: 1, offset, position: 0, data };
}

/** A reader that takes everything at once. */
class Reader {
  readonly frames: OutputFrame[] = [];
  readonly bufferedBytes = 0;
  credit: number;
  onFrame: () => void = () => undefined;

  constructor(credit = Infinity) {
    this.credit = credit;
  }

  sendBinary(bytes: Uint8Array): void {
    const frame = decodeOutputFrame(bytes)!;
    this.credit -= frame.data.length;
    expect(this.credit).toBeGreaterThanOrEqual(0);
    this.frames.push({ ...frame, data: Uint8Array.from(frame.data) });
    this.onFrame();
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  text(host: number, stream: 'stdout' | 'stderr'): string {
    const ours = this.frames.filter((frame) => frame.host === host && frame.kind === stream);
    let at = ours[0]?.offset ?? 0;
    for (const frame of ours) {
      expect(frame.offset).toBe(at);
      at += frame.data.length;
    }
    return Buffer.concat(ours.map((frame) => frame.data)).toString('latin1');
  }
}

function order(overrides: Partial<OpenOutputParams> = {}): OpenOutputParams {
  return {
    subscription: 1,
    job: 1,
    from: 0,
    follow: false,
    creditBytes: Number.MAX_SAFE_INTEGER,
    ...overrides,
  };
}

async function readAll(spool: JobSpool, overrides: Partial<OpenOutputParams> = {}): Promise<Reader> {
  const reader = new Reader();
  await new OutputFollower({ peer: reader, spool, order: order(overrides) }).run();
  expect(reader.frames.at(-1)?.kind).toBe('end');
  return reader;
}

/** What was written: pieces of several streams, of sizes around the record limit too. */
const writes = fc.array(
  fc.record({
    host: fc.nat({ max: 2 }),
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    size: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 65_000, max: 140_000 })),
    /** Wait for the disk before the next. */
    flush: fc.boolean(),
  }),
  { minLength: 1, maxLength: 25 },
);

test('whole, by stream, by range, resumed anywhere, live or reopened: readers get the bytes that were written', async () => {
  let job = 0;
  const spool = spoolIn();
  await spool.start();
  await fc.assert(
    fc.asyncProperty(writes, fc.double({ min: 0, max: 1, noNaN: true }), async (plan, fraction) => {
      job++;
      const written = new Map<string, Buffer[]>();
      const use = spool.write(job);
      const live = new Reader();
      const following = new OutputFollower({
        peer: live,
        spool: use.spool,
        order: order({ follow: true }),
      }).run();
      let number = 0;
      for (const { host, stream, size, flush } of plan) {
        const parts = written.get(`${host} ${stream}`) ?? [];
        const data = Buffer.alloc(size, (number = (number + 37) % 251));
        use.spool.append(output(host, stream, Buffer.concat(parts).length, data));
        written.set(`${host} ${stream}`, [...parts, data]);
        if (flush) await use.spool.flushed({ hurry: number % 2 === 0 });
      }
      await use.spool.close();
      await following;
      const check = (reader: Reader) => {
        for (const [key, parts] of written) {
          const [host, stream] = key.split(' ') as [string, 'stdout' | 'stderr'];
          expect(reader.text(Number(host), stream) === Buffer.concat(parts).toString('latin1')).toBe(true);
        }
      };
      check(live);
      check(await readAll(use.spool));
      await use.release();
      const again = (await spool.read(job))!;
      const whole = await readAll(again.spool);
      check(whole);
      // A reader that broke off behind any frame goes on from its position.
      const cut = Math.floor(fraction * (whole.frames.length - 2));
      const rest = await readAll(again.spool, { from: whole.frames[cut]!.position });
      expect(rest.frames.map(({ host, kind, offset }) => [host, kind, offset])).toEqual(
        whole.frames.slice(cut + 1).map(({ host, kind, offset }) => [host, kind, offset]),
      );
      for (const [key, parts] of written) {
        const [host, stream] = key.split(' ') as [string, 'stdout' | 'stderr'];
        const all = Buffer.concat(parts).toString('latin1');
        const from = Math.floor(fraction * all.length);
        const until = from + Math.floor(fraction * (all.length - from));
        const range = await readAll(again.spool, {
          host: { index: Number(host), attempt: 1, stream },
          from,
          until,
        });
        expect(range.text(Number(host), stream) === all.slice(from, until)).toBe(true);
      }
      await again.release();
    }),
    { numRuns: 60 },
  );
  await spool.stop();
}, 120_000);

test('credit is never exceeded, and any credit makes progress', async () => {
  const spool = spoolIn();
  await spool.start();
  const use = spool.write(1);
  const data = Buffer.alloc(100_000, 'x');
  use.spool.append(output(0, 'stdout', 0, data));
  await use.spool.close();
  const reader = new Reader(10);
  const follower = new OutputFollower({ peer: reader, spool: use.spool, order: order({ creditBytes: 10 }) });
  reader.onFrame = () => {
    if (reader.credit === 0) {
      reader.credit += 7919;
      queueMicrotask(() => follower.addCredit(7919));
    }
  };
  await follower.run();
  expect(reader.text(0, 'stdout')).toHaveLength(100_000);
  // Each frame's position leads on, also from the middle of a record.
  const middle = reader.frames[3]!;
  const rest = await readAll(use.spool, { from: middle.position });
  expect(rest.frames[0]!.offset).toBe(middle.offset + middle.data.length);
  await use.release();
  await spool.stop();
});

test('a follower that is stopped ends at once: waiting for output, for credit, or in the middle', async () => {
  const spool = spoolIn();
  await spool.start();
  const use = spool.write(1);
  const waiting = new OutputFollower({
    peer: new Reader(),
    spool: use.spool,
    order: order({ follow: true }),
  });
  const run = waiting.run();
  await new Promise((resolve) => setImmediate(resolve));
  waiting.stop();
  await run;
  use.spool.append(output(0, 'stdout', 0, Buffer.alloc(10)));
  await use.spool.flushed({ hurry: true });
  const poor = new OutputFollower({
    peer: new Reader(0),
    spool: use.spool,
    order: order({ creditBytes: 0 }),
  });
  const starved = poor.run();
  await new Promise((resolve) => setImmediate(resolve));
  poor.stop();
  await starved;
  await use.release();
  await spool.stop();
});

test('a tail that was torn is cut and said so, wherever it tore; what is before it stays', async () => {
  const spool = spoolIn();
  await spool.start();
  const first = spool.write(1);
  first.spool.append(output(0, 'stdout', 0, Buffer.from('first')));
  await first.spool.flushed({ hurry: true });
  const soundBytes = first.spool.end;
  first.spool.append(output(1, 'stderr', 0, Buffer.from('second')));
  await first.release();
  const bytes = (await stat(file())).size;
  for (let size = bytes - 1; size >= soundBytes; size--) {
    await truncate(file(), size);
    const use = spool.write(1);
    await use.spool.opened();
    expect(use.spool.end).toBe(soundBytes);
    expect((await stat(file())).size).toBe(soundBytes);
    use.spool.append(output(2, 'stdout', 0, Buffer.from('third')));
    await use.spool.close();
    const reader = await readAll(use.spool);
    expect([reader.text(0, 'stdout'), reader.text(1, 'stderr'), reader.text(2, 'stdout')]).toEqual([
      'first',
      '',
      'third',
    ]);
    await use.release();
    await truncate(file(), soundBytes);
    await appendFile(file(), Buffer.alloc(bytes - soundBytes, size % 256));
  }
  expect(log.of('torn tail').length).toBeGreaterThan(5);
  expect((await stat(file())).mode & 0o777).toBe(0o600);
  await spool.stop();
});

test('a file that is no spool is refused, not overwritten', async () => {
  const spool = spoolIn();
  await spool.start();
  await appendFile(file(), 'something else entirely');
  const use = spool.write(1);
  use.spool.append(output(0, 'stdout', 0, Buffer.from('lost')));
  await use.spool.close();
  expect((await readAll(use.spool)).frames.map(({ kind, offset }) => [kind, offset])).toEqual([
    ['gap', 4],
    ['end', 0],
  ]);
  await use.release();
  await expect(spool.read(1)).rejects.toThrow('is not a spool file');
  expect(log.of('cannot be spooled')).toMatchObject([
    { error: expect.stringContaining('not a spool file') as string },
  ]);
  expect(await readFile(file(), 'utf8')).toBe('something else entirely');
  await spool.stop();
});

test('files go after their retention, counted from the close, and never while in use', async () => {
  const spool = spoolIn(60_000);
  await spool.start();
  const old = new Date(Date.now() - 3_600_000);
  const use = spool.write(1);
  use.spool.append(output(0, 'stdout', 0, Buffer.from('x')));
  await use.spool.flushed({ hurry: true });
  await utimes(file(), old, old);
  expect(await spool.sweep()).toBe(0);
  await use.spool.close();
  await use.release();
  expect(await spool.sweep()).toBe(0);
  await utimes(file(), old, old);
  const reading = await spool.read(1);
  expect(await spool.sweep()).toBe(0);
  await reading!.release();
  expect(await spool.sweep()).toBe(1);
  expect(await spool.read(1)).toBeUndefined();
  await spool.stop();
});

test("one host's end does not wait for what others write after it", async () => {
  const writes: (() => void)[] = [];
  const openFile: OpenFile = async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    return withWrite(handle, async (write) => {
      await new Promise<void>((resolve) => writes.push(resolve));
      return write();
    });
  };
  const nextWrite = async () => {
    while (writes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    writes.shift()!();
  };
  const spool = new Spool({ directory, retentionMs: 1000, openFile, clock: systemClock, log });
  await spool.start();
  const use = spool.write(1);
  await nextWrite();
  use.spool.append(output(0, 'stdout', 0, Buffer.from('mine')));
  const mine = use.spool.flushed({ hurry: true });
  while (writes.length === 0) await new Promise((resolve) => setImmediate(resolve));
  use.spool.append(output(1, 'stdout', 0, Buffer.alloc(1000)));
  const all = use.spool.flushed({ hurry: true }).then(() => 'all');
  await nextWrite();
  expect(await Promise.race([mine.then(() => 'mine'), all])).toBe('mine');
  await nextWrite();
  await all;
  await use.release();
  await spool.stop();
});

test('what the disk does not take is said as a gap, and the rest is complete', async () => {
  const disk = { full: false };
  const openFile: OpenFile = async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    return withWrite(handle, (write) =>
      disk.full ? Promise.reject(new Error('ENOSPC: disk full')) : write(),
    );
  };
  const spool = new Spool({ directory, retentionMs: 1000, openFile, clock: systemClock, log });
  await spool.start();
  const use = spool.write(1);
  use.spool.append(output(0, 'stdout', 0, Buffer.from('kept ')));
  await use.spool.flushed({ hurry: true });
  disk.full = true;
  use.spool.append(output(0, 'stdout', 5, Buffer.from('lost')));
  use.spool.append(output(1, 'stderr', 0, Buffer.from('lost too')));
  await use.spool.flushed({ hurry: true });
  use.spool.append(output(0, 'stdout', 9, Buffer.from('!')));
  await use.spool.flushed({ hurry: true });
  disk.full = false;
  use.spool.append(output(0, 'stdout', 10, Buffer.from(' again')));
  await use.spool.flushed({ hurry: true });
  disk.full = true;
  use.spool.append(output(0, 'stdout', 16, Buffer.from('lost at the end')));
  await use.spool.close();
  const reader = await readAll(use.spool);
  expect(
    reader.frames.map(({ kind, host, offset, data }) => [kind, host, offset, Buffer.from(data).toString()]),
  ).toEqual([
    ['stdout', 0, 0, 'kept '],
    ['gap', 0, 5, ''],
    ['gap', 1, 8, ''],
    ['stdout', 0, 10, ' again'],
    ['gap', 0, 15, ''],
    ['end', 0, 0, ''],
  ]);
  const one = await readAll(use.spool, { host: { index: 1, attempt: 1, stream: 'stderr' } });
  expect(one.frames.map(({ kind, offset }) => [kind, offset])).toEqual([
    ['gap', 8],
    ['end', 0],
  ]);
  expect(log.of('cannot be spooled')).toHaveLength(2);
  await use.release();
  await spool.stop();
});
