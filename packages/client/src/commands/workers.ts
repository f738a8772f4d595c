import type { WorkerDocument } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import { flag, one, text } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, usageFailure } from '../failure.js';
import { drainText } from '../render/standing-text.js';
import { durationText } from '../render/summary.js';
import { table } from '../render/table.js';
import { timeText } from '../render/time.js';
import { contradiction } from '../run/contradiction.js';
import { printed } from './printed.js';
import { withDispatcher } from './session.js';
import { drainWorker, liftDrain } from './workers-drain.js';

export default command({
  name: 'workers',
  summary: 'Shows the workers, or drains one: it gets no further host, and what it has goes on.',
  operands: '[drain NAME]',
  operandCount: { min: 0, max: 2 },
  completes: ['drain'],
  examples: [
    'pogo workers',
    'pogo workers --json',
    'pogo workers drain worker-2 --note "new kernel" --wait   # and then stop it',
    'pogo workers drain worker-2 --off',
  ],
  options: {
    off: flag('--off', 'give the worker hosts again'),
    wait: flag('--wait', 'wait until the drained worker has no host left'),
    note: one('--note', 'why it is drained, for those whose jobs wait', { argument: 'TEXT', parse: text }),
    json: flag('--json', 'as a JSON document'),
  },
  run: ({ environment, options, operands }) => {
    const { off = false, wait = false, note, json = false } = options;
    const [action, worker] = operands;
    if (action === undefined) {
      if (off || wait || note !== undefined)
        return Promise.resolve(
          usageFailure('usage', '--off, --wait and --note are options of pogo workers drain NAME only'),
        );
      return showWorkers(environment, json);
    }
    if (action !== 'drain' || worker === undefined)
      return Promise.resolve(
        usageFailure(
          'usage',
          'pogo workers takes nothing, or drain NAME; pogo workers --help shows examples',
        ),
      );
    if (off && wait) return Promise.resolve(contradiction('--off', '--wait'));
    if (off && note !== undefined) return Promise.resolve(contradiction('--off', '--note'));
    return off
      ? liftDrain(environment, worker, json)
      : drainWorker(environment, worker, { note, wait, json });
  },
});

function showWorkers(environment: Environment, json: boolean): Promise<Result<ExitCode>> {
  return withDispatcher(environment, async ({ dispatcher }) => {
    const found = await dispatcher.workers();
    if (!found.ok) return found;
    if (json) return printed(environment, `${JSON.stringify(found.value, undefined, 2)}\n`);
    const { workers, lostAfterMs } = found.value;
    if (workers.length === 0) {
      environment.stderr.write('no worker was ever connected: jobs wait until one is\n');
      return printed(environment, '');
    }
    const rows = workers.map((worker) => [
      worker.name,
      worker.version ?? '',
      stateText(worker, lostAfterMs),
      inUseText(worker),
      (worker.pools ?? []).join(','),
      keyText(worker.keyId),
      worker.drain === undefined ? '' : drainStanding(worker, worker.drain),
    ]);
    return printed(
      environment,
      table([['worker', 'version', 'state', 'in use', 'pools', 'key', ''], ...rows]),
    );
  });
}

/** How long it may stay away is said while it is: then its unfinished hosts become `unknown`. */
function stateText({ state, awaySinceMs }: WorkerDocument, lostAfterMs: number): string {
  const since = awaySinceMs === undefined ? '' : ` since ${timeText(awaySinceMs)}`;
  if (state !== 'away') return `${state}${since}`;
  return `away${since} (lost after ${durationText(lostAfterMs)})`;
}

function inUseText({ assigned, capacity }: WorkerDocument): string {
  return capacity === undefined ? String(assigned) : `${assigned} of ${capacity}`;
}

/** Enough of it to tell keys apart. */
function keyText(keyId: string | undefined): string {
  return keyId?.replace(/^sha256:/, '').slice(0, 12) ?? '';
}

function drainStanding({ assigned }: WorkerDocument, drain: NonNullable<WorkerDocument['drain']>): string {
  const left = assigned === 0 ? 'empty' : `${assigned} left`;
  const { notIn = [] } = drain;
  return `${drainText(drain)}: ${left}${notIn.length === 0 ? '' : `; not in ${notIn.join(', ')}`}`;
}
