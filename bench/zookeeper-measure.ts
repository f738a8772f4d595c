/**
 * One process of the ZooKeeper bench: a dispatcher over the store that it is given, with scripted workers, and jobs one after
 * another. Says a line of JSON for each phase on standard output, and goes on at each line on standard input.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { delay, systemClock } from '@pogo/lifecycle';
import { openStore } from '@pogo/store';
import { cpuMs } from './cpu-time.js';
import { MeasuredStore } from './measured-store.js';
import { BenchDispatcher } from './planner-dispatcher.js';
import type { JobFigures, Phase, ZooKeeperTask } from './zookeeper-figures.js';

const task = JSON.parse(process.argv[2]!) as ZooKeeperTask;
const told = createInterface({ input: process.stdin });
/** Between two looks for jobs that are older than the retention. */
const everyMs = 1000;
/** An expired document leaves an empty node for half a minute. */
const emptyNodesMs = 45_000;

const store = new MeasuredStore(await openStore(task.store));
const bench = await BenchDispatcher.start({
  store,
  atOnce: task.atOnce,
  fails: () => false,
  // Between half and one and a half of the mean, the same in each run.
  commandMs: (host) => (task.commandMs === 0 ? 0 : task.commandMs * (0.5 + ((host * 7919) % 1000) / 1000)),
  retention: { keptMs: task.keptMs, everyMs },
});
// So that the engine has compiled what it will.
await run(1000, 'warm-up');
await say({ phase: 'ready' });
for (let job = 0; job < task.jobs; job++) {
  await say({ phase: 'job', figures: await run(task.hosts, `job-${job}`) });
}
await delay(systemClock, task.keptMs + 3 * everyMs + emptyNodesMs);
await say({ phase: 'expired' });
await bench.stop();
told.close();

async function run(hosts: number, key: string): Promise<JobFigures> {
  const before = counted();
  bench.largestBatch = 0;
  store.largestBytes = 0;
  const plan = await bench.plan(`n[1-${hosts}]`, true);
  const state = await bench.ended(await bench.submit(plan, key));
  if (state !== 'succeeded') throw new Error(`a job is ${state}`);
  const after = counted();
  return {
    wallMs: after.wallMs - before.wallMs,
    cpuMs: after.cpuMs - before.cpuMs,
    transitions: after.transitions - before.transitions,
    batches: after.batches - before.batches,
    entries: after.entries - before.entries,
    largestBatch: bench.largestBatch,
    bytes: after.bytes - before.bytes,
    largestBytes: store.largestBytes,
    appendMs: after.appendMs - before.appendMs,
  };
}

function counted() {
  const { transitions, batches, entries } = bench;
  const { bytes, appendMs } = store;
  return {
    wallMs: systemClock.monotonicMs(),
    cpuMs: cpuMs(),
    transitions,
    batches,
    entries,
    bytes,
    appendMs,
  };
}

async function say(phase: Phase): Promise<void> {
  const heard = once(told, 'line');
  process.stdout.write(`${JSON.stringify(phase)}\n`);
  await heard;
}
