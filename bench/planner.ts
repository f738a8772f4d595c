/**
 * Measures the planner by itself and inside the production dispatcher, at three sizes: what a plan takes, what a host's
 * transition takes and whether that grows with the job, what an ended host keeps in memory, and how long the event loop is
 * ever kept from turning. Each measurement is a process of its own; sizes take turns within a round.
 *
 * Options: --rounds 5  --sizes 1000,10000,100000  --plot FILE  --write FILE
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { fieldShapes } from './planner-field.js';
import type { Figures, Task } from './planner-figures.js';
import { plannerPlot } from './planner-plot.js';
import { type PlannerRow, plannerReport } from './planner-report.js';

const { values } = parseArgs({
  options: {
    measure: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    sizes: { type: 'string', default: fieldShapes.map(({ hosts }) => hosts).join(',') },
    plot: { type: 'string' },
    write: { type: 'string' },
  },
});
const sizes = values.sizes.split(',').map(Number);
const say = (text: string) => process.stderr.write(`${text}\n`);

/** Few at once is the harder case: more batches. */
const [few, many] = [63, 2001];
const tasks: Task[] = sizes.flatMap((hosts) => [
  { kind: 'dispatcher', hosts, atOnce: few },
  { kind: 'bare', hosts, atOnce: few },
  { kind: 'dispatcher', hosts, atOnce: many },
]);
const rows: PlannerRow[] = tasks.map((task) => ({ task, rounds: [] }));

for (let round = 1; round <= Number(values.rounds); round++) {
  for (const { task, rounds } of rows) {
    const printed = execFileSync(
      process.execPath,
      ['--expose-gc', '--enable-source-maps', values.measure!, JSON.stringify(task)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1024 * 1024 },
    );
    const figures = JSON.parse(printed) as Figures;
    rounds.push(figures);
    const each = ((figures.cpuMs / figures.transitions) * 1000).toFixed(1);
    say(
      `round ${round}: ${task.kind}, ${task.hosts} hosts, ${task.atOnce} at once: ${each} µs of CPU a transition, ` +
        `${Math.round(figures.bytesPerHost)} bytes a host, plan ${figures.firstPlanMs.toFixed(0)} ms`,
    );
  }
}

const machine = `${cpus().length} cores (${cpus()[0]!.model}), Node ${process.version}, medians of ${values.rounds} interleaved rounds.`;
const report = plannerReport(rows, machine);
process.stdout.write(report);
if (values.plot !== undefined) writeFileSync(values.plot, plannerPlot(rows));
if (values.write !== undefined) {
  const text = readFileSync(values.write, 'utf8');
  const [begin, end] = ['<!-- planner:begin -->', '<!-- planner:end -->'];
  if (!text.includes(begin) || !text.includes(end))
    throw new Error(`${values.write} has no ${begin} … ${end}`);
  const head = text.slice(0, text.indexOf(begin) + begin.length);
  writeFileSync(values.write, `${head}\n\n${report}\n${text.slice(text.indexOf(end))}`);
}
