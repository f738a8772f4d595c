/** Begins attempts in a journal as fast as it goes, and prints the host of each that is durable. */
import { systemClock } from '@pogo/lifecycle';
import { FileJournal } from '@pogo/worker';

const [directory, job] = process.argv.slice(2);
const ignore = () => undefined;
const outcome = await FileJournal.open({
  directory: directory!,
  clock: systemClock,
  random: () => 0,
  log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  growthBytes: 2000,
});
if (outcome.kind === 'failed') throw new Error(outcome.failure.message);
for (let host = 0; ; host++) {
  const attempt = { job: Number(job), host, attempt: 1 };
  void outcome.journal.received([attempt]);
  if (await outcome.journal.begun([attempt])) process.stdout.write(`${host}\n`);
}
