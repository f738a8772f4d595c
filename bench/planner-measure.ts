/** One process of the planner's bench: jobs of one size, measured, as one line of JSON on standard output. */
import { checkNamespace } from '@pogo/protocol';
import { cpuMs } from './cpu-time.js';
import { LoopTurns } from './loop-turns.js';
import { BarePlanner } from './planner-bare.js';
import { BenchDispatcher } from './planner-dispatcher.js';
import { Field, fieldShapes } from './planner-field.js';
import type { Figures, Task } from './planner-figures.js';

/** Hosts that are run before anything is measured, so that the engine has compiled what it will, and at least measured. */
const warmUpHosts = 10_000;
const measuredHosts = 20_000;

const task = JSON.parse(process.argv[2]!) as Task;
const collect = globalThis.gc;
if (collect === undefined) throw new Error('needs --expose-gc');
const figures = task.kind === 'bare' ? measureBare(task) : await measureDispatcher(task);
process.stdout.write(`${JSON.stringify(figures)}\n`);
process.exit(0);

function liveHeapBytes(): number {
  // Twice: what the first one frees may have held more.
  collect!();
  collect!();
  return process.memoryUsage().heapUsed;
}

function compiled(field: Field) {
  const text = field.text();
  const startMs = cpuMs();
  const checked = checkNamespace(text, 'bench.yaml');
  const compileMs = cpuMs() - startMs;
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems.slice(0, 3)));
  if (checked.namespace.slots.length !== field.slots) {
    throw new Error(`${checked.namespace.slots.length} slots, not ${field.slots}`);
  }
  return { namespace: checked.namespace, compileMs };
}

function fieldOf(hosts: number): Field {
  return new Field(fieldShapes.find((shape) => shape.hosts === hosts)!);
}

function measureBare({ hosts, atOnce }: Task): Figures {
  const small = fieldOf(1000);
  const warm = new BarePlanner(small, compiled(small).namespace, atOnce);
  const namesOf = (count: number, every: number) =>
    Array.from({ length: Math.ceil(count / every) }, (_, index) => `n${index * every}`);
  for (let done = 0; done < warmUpHosts; done += 1100) {
    warm.accept(namesOf(1000, 1), false);
    warm.accept(namesOf(1000, 10), true);
    warm.run();
  }
  const field = fieldOf(hosts);
  const { namespace, compileMs } = compiled(field);
  const bare = new BarePlanner(field, namespace, atOnce);
  const heapBefore = liveHeapBytes();
  let [spentMs, wallMs, done, firstPlanMs] = [0, 0, 0, 0];
  const before = bare.transitions;
  const [all, tenth] = [namesOf(hosts, 1), namesOf(hosts, 10)];
  while (done < Math.max(hosts, measuredHosts)) {
    const [startMs, startCpuMs] = [performance.now(), cpuMs()];
    bare.accept(all, false);
    bare.accept(tenth, true);
    if (done === 0) {
      const planStartMs = cpuMs();
      bare.firstPlan();
      firstPlanMs = cpuMs() - planStartMs;
    }
    bare.run();
    wallMs += performance.now() - startMs;
    spentMs += cpuMs() - startCpuMs;
    done += all.length + tenth.length;
  }
  const transitions = bare.transitions - before;
  const bytesPerHost = (liveHeapBytes() - heapBefore) / done;
  return {
    planMs: undefined,
    firstPlanMs,
    compileMs,
    transitions,
    cpuMs: spentMs,
    wallMs,
    bytesPerHost,
    longestBlockMs: undefined,
  };
}

async function measureDispatcher({ hosts, atOnce }: Task): Promise<Figures> {
  const small = fieldOf(1000);
  const field = fieldOf(hosts);
  let measured = small;
  const fails = (host: number, job: number) => measured.fails(host, job);
  const bench = await BenchDispatcher.start({ atOnce, fails });
  let jobs = 0;
  const run = async (shown: Field) => {
    const startMs = cpuMs();
    const planned = await bench.plan(shown.targets(), false);
    const main = await bench.submit(planned, `key-${jobs++}`);
    const firstPlanMs = cpuMs() - startMs;
    const beside = await bench.submit(await bench.plan(shown.targets(10), true), `key-${jobs++}`);
    const states = [await bench.ended(main), await bench.ended(beside)];
    for (const state of states) {
      if (state !== 'failed' && state !== 'succeeded') throw new Error(`a job is ${state}`);
    }
    return firstPlanMs;
  };
  await bench.applyNamespace(small.text());
  const plans = Math.ceil(warmUpHosts / 1100);
  for (let done = 0; done < plans; done++) {
    await bench.plan(small.targets(), false, true);
    await run(small);
  }
  measured = field;
  const { compileMs } = compiled(field);
  await bench.applyNamespace(field.text());
  const heapBefore = liveHeapBytes();
  // Collecting has thrown away compiled code with whatever it knew of objects that aren't alive just now.
  for (let done = 0; done < plans; done++) await bench.plan(small.targets(), false, true);
  const turns = new LoopTurns();
  const planStartMs = cpuMs();
  await bench.plan(field.targets(), false, true);
  const planMs = cpuMs() - planStartMs;
  const before = bench.transitions;
  const [startMs, startCpuMs] = [performance.now(), cpuMs()];
  let firstPlanMs: number | undefined;
  let done = 0;
  while (done < Math.max(hosts, measuredHosts)) {
    const decidedMs = await run(field);
    firstPlanMs ??= decidedMs;
    done += hosts + hosts / 10;
  }
  const [wallMs, spentMs] = [performance.now() - startMs, cpuMs() - startCpuMs];
  const longestBlockMs = await turns.stop();
  const bytesPerHost = (liveHeapBytes() - heapBefore) / done;
  const transitions = bench.transitions - before;
  return {
    planMs,
    firstPlanMs: firstPlanMs!,
    compileMs,
    transitions,
    cpuMs: spentMs,
    wallMs,
    bytesPerHost,
    longestBlockMs,
  };
}
