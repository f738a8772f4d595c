/**
 * A process that leads and writes, for tests that stop it: `leading-writer URL` says `leads` once it holds the lease, then
 * appends one batch after another and says `ok INDEX` for each, until another's stands in its place: `conflict INDEX WRITER`.
 * Then it says `lost` once its lease is, and stands again: `leads`. It waits for the end of its input.
 */
import { writeSync } from 'node:fs';
import { openStore } from '@pogo/store';

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

const never = new AbortController().signal;
const store = await openStore(process.argv[2] ?? '');
const lease = await store.leadership.campaign('main', never);
say('leads');
for (let index = 0; ;) {
  const outcome = await store
    .log('main')
    .append(index, { writer: 'child', id: `${index}`, body: new Uint8Array() });
  if (outcome.kind === 'doubt') continue;
  if (outcome.kind === 'ok') say(`ok ${index}`);
  else {
    say(`${outcome.kind} ${index} ${outcome.kind === 'conflict' ? outcome.found.writer : ''}`);
    break;
  }
  index += 1;
}
await new Promise<void>((resolve) => {
  if (lease?.lost.aborted) resolve();
  else lease?.lost.addEventListener('abort', () => resolve());
});
say('lost');
await store.leadership.campaign('main', never);
say('leads');
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
await store.close();
