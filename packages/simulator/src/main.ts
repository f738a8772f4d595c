/** `npm run simulate`: a long run of the simulator on demand, or one seed again with its trace. */
import process from 'node:process';
import { type SimulateCommand, parseCommandLine, usage } from './command-line.js';
import { replayCommand, runSeeds, type SimulationResult } from './index.js';

const parsed = parseCommandLine(process.argv.slice(2));
switch (parsed.kind) {
  case 'help':
    process.stdout.write(usage);
    break;
  case 'wrong':
    process.stderr.write(`pogo-simulate: ${parsed.message}\n`);
    process.exitCode = 2;
    break;
  case 'run':
    await run(parsed.command);
}

async function run(command: SimulateCommand): Promise<void> {
  const { first, count, size, bug, trace } = command;
  const startedMs = performance.now();
  const total = await runSeeds({
    ...size,
    bug,
    first,
    count,
    stopAtFirst: bug !== undefined,
    ...(trace && { print: (line: string) => void process.stdout.write(`${line}\n`) }),
    done: (result) => tell(result, command),
  });
  const seconds = (performance.now() - startedMs) / 1000;
  process.stdout.write(
    `${total.seeds} seeds, ${total.failed.length} of them failed; ${total.events} events in ${seconds.toFixed(1)} s` +
      ` (${Math.round(total.events / seconds)}/s), ${total.commands} commands, ${(total.virtualMs / 3_600_000).toFixed(1)} virtual hours\n`,
  );
  for (const [name, times] of [...total.seen].sort())
    process.stdout.write(`  ${String(times).padStart(8)} ${name}\n`);
  process.exitCode = total.failed.length === 0 ? 0 : 1;
}

function tell({ seed, violations, digest }: SimulationResult, { size, bug, trace }: SimulateCommand): void {
  if (trace) process.stdout.write(`trace ${digest}\n`);
  if (violations.length === 0) return;
  process.stdout.write(`seed ${seed} fails; again: ${replayCommand({ ...size, seed, bug })}\n`);
  for (const { rule, what, atMs } of violations.slice(0, 5))
    process.stdout.write(`  ${rule} at ${atMs.toFixed(0)} ms: ${what}\n`);
}
