/**
 * A process that uses an embedded store, for tests that kill it, trace it or take its disk away.
 * It says what was answered on stdout, one line each, written before anything else happens.
 *
 * - `open DIRECTORY`: opens it, says `open` or the error, waits for the end of stdin.
 * - `count DIRECTORY`: opens it, compares every entry with what `append` writes, says `count COUNT` or the error.
 * - `append DIRECTORY COUNT`: appends one batch after another: `ok INDEX`, or `doubt INDEX CODE MESSAGE`; then waits for a
 *   line on stdin and appends the same batch again.
 * - `unsynced DIRECTORY COUNT`: writes to a bare database without a sync, and says `ok INDEX` all the same.
 * - `put DIRECTORY COUNT`: one put, `begin`, then COUNT puts and COUNT appends that gather while another put is in flight, `end`.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Store, StoreError, openStore } from '@pogo/store';
import { ClassicLevel } from 'classic-level';

const bodyBytes = 4096;

/** It can't be compressed away: a full disk must show. */
function bodyOf(index: number): Uint8Array {
  return Uint8Array.from({ length: bodyBytes }, (_, at) => Math.imul(at * at + 3 * index, index + 7) >>> 3);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function append(store: Store, count: number): Promise<void> {
  const log = store.log('main');
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  for (let index = 0; index < count; index += 1) {
    const batch = { writer: 'child', id: `${index}`, body: bodyOf(index) };
    for (;;) {
      const outcome = await log.append(index, batch);
      if (outcome.kind === 'ok') break;
      if (outcome.kind !== 'doubt') throw new Error(`entry ${index}: ${outcome.kind}`);
      say(`doubt ${index} ${outcome.error.code} ${outcome.error.message}`);
      await lines.next();
    }
    say(`ok ${index}`);
  }
}

async function count(store: Store): Promise<number> {
  let next = 0;
  for (;;) {
    const page = await store.log('main').read(next, 100);
    if (page.kind !== 'entries' || page.entries.length === 0) return next;
    for (const { index, batch } of page.entries) {
      const good =
        index === next &&
        batch.id === `${index}` &&
        bodyOf(index).every((byte, at) => byte === batch.body[at]);
      if (!good) throw new Error(`entry ${index} was altered`);
      next += 1;
    }
  }
}

async function appendUnsynced(directory: string, appends: number): Promise<void> {
  const database = new ClassicLevel<string, Uint8Array>(directory, { valueEncoding: 'view' });
  for (let index = 0; index < appends; index += 1) {
    await database.batch([{ type: 'put', key: `${index}`, value: bodyOf(index) }], { sync: false });
    say(`ok ${index}`);
  }
  await database.close();
}

async function put(store: Store, count: number): Promise<void> {
  const value = new Uint8Array(100);
  await store.documents.put('first', value, null);
  say('begin');
  const inFlight = store.documents.put('second', value, null);
  await new Promise((resolve) => setImmediate(resolve));
  const gathered = Array.from({ length: count }, async (_, at) => {
    await store.documents.put(`gathered/${at}`, value, null);
    await store.log(`gathered-${at}`).append(0, { writer: 'child', id: '0', body: value });
  });
  await Promise.all([inFlight, ...gathered]);
  say('end');
}

const [command, directory = '', times] = process.argv.slice(2);
try {
  if (command === 'unsynced') {
    await appendUnsynced(directory, Number(times));
    process.exit();
  }
  const store = await openStore(`embedded:${directory}`);
  if (command === 'open') {
    say('open');
    for await (const _ of process.stdin);
  }
  if (command === 'count') say(`count ${await count(store)}`);
  if (command === 'append') await append(store, Number(times));
  if (command === 'put') await put(store, Number(times));
  await store.close();
  process.stdin.destroy();
} catch (error) {
  say(error instanceof StoreError ? `${error.code} ${error.message}` : String(error));
  process.exitCode = 1;
}
