/**
 * `npm run simulate`: a long run of the simulator on demand, or one seed again with its trace.
 *
 *   --seeds N   how many seeds (1 with --trace)      --seed S    the first of them (1)
 *   --hosts N   hosts of each fleet                  --jobs N    jobs of each fleet
 *   --bug NAME  with that bug planted                --trace     print what happens, line by line
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { bugNames, replayCommand, runSeeds, type SimulationResult } from './index.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    hosts: { type: 'string' },
    jobs: { type: 'string' },
    bug: { type: 'string' },
    trace: { type: 'boolean', default: false },
  },
});
const bug = bugNames.find((name) => name === values.bug);
if (values.bug !== undefined && bug === undefined) fail(`--bug ${values.bug}: one of ${bugNames.join(', ')}`);
const size = {
  ...(values.hosts !== undefined && { hosts: number('--hosts', values.hosts) }),
  ...(values.jobs !== undefined && { jobs: number('--jobs', values.jobs) }),
};
const first = number('--seed', values.seed);
const count = number('--seeds', values.seeds ?? '1');
const startedMs = performance.now();

const total = await runSeeds({
  ...size,
  bug,
  first,
  count,
  stopAtFirst: bug !== undefined,
  ...(values.trace && { print: (line: string) => void process.stdout.write(`${line}\n`) }),
  done: tell,
});

const seconds = (performance.now() - startedMs) / 1000;
process.stdout.write(
  `${total.seeds} seeds, ${total.failed.length} of them failed; ${total.events} events in ${seconds.toFixed(1)} s` +
    ` (${Math.round(total.events / seconds)}/s), ${total.commands} commands, ${(total.virtualMs / 3_600_000).toFixed(1)} virtual hours\n`,
);
for (const [name, times] of [...total.seen].sort())
  process.stdout.write(`  ${String(times).padStart(8)} ${name}\n`);
process.exitCode = total.failed.length === 0 ? 0 : 1;

function tell({ seed, violations, digest }: SimulationResult): void {
  if (values.trace) process.stdout.write(`trace ${digest}\n`);
  if (violations.length === 0) return;
  process.stdout.write(`seed ${seed} fails; again: ${replayCommand({ ...size, seed, bug })}\n`);
  for (const { rule, what, atMs } of violations.slice(0, 5))
    process.stdout.write(`  ${rule} at ${atMs.toFixed(0)} ms: ${what}\n`);
}

function number(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) fail(`${option} ${text}: not a whole number`);
  return Number(text);
}

function fail(message: string): never {
  process.stderr.write(`pogo-simulate: ${message}\n`);
  process.exit(2);
}
