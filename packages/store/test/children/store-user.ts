/**
 * A process that uses an embedded store, for tests that kill it, trace it or take its disk away.
 * It says what was answered on stdout, one line each, written before anything else happens.
 *
 * - `open DIRECTORY`: opens it, says `open` or the error, waits for the end of stdin.
 * - `append DIRECTORY COUNT`: appends one batch after another: `ok INDEX`, or `doubt INDEX CODE MESSAGE`; then waits for a
 *   line on stdin and appends the same batch again.
 * - `put DIRECTORY COUNT`: one put, `begin`, then COUNT puts and COUNT appends that gather while another put is in flight, `end`.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Store, StoreError, openStore } from '@pogo/store';

const bodyBytes = 4096;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function append(store: Store, count: number): Promise<void> {
  const log = store.log('main');
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  for (let index = 0; index < count; index += 1) {
    // The body can't be compressed away: a full disk must show.
    const body = Uint8Array.from({ length: bodyBytes }, (_, at) => (at * at * (index + 7)) >>> 3);
    const batch = { writer: 'child', id: `${index}`, body };
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

const [command, directory, count] = process.argv.slice(2);
try {
  const store = await openStore(`embedded:${directory}`);
  if (command === 'open') {
    say('open');
    for await (const _ of process.stdin);
  }
  if (command === 'append') await append(store, Number(count));
  if (command === 'put') await put(store, Number(count));
  await store.close();
  process.stdin.destroy();
} catch (error) {
  say(error instanceof StoreError ? `${error.code} ${error.message}` : String(error));
  process.exitCode = 1;
}
