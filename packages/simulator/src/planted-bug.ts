/** Where bugs on purpose can be planted, and what those that falsify the log have in common. */
import type { Dispatcher } from '@pogo/dispatcher';
import type { Batch, Log } from '@pogo/store';
import type { Call, CallTampering } from './network/call.js';
import type { Random } from './random.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { JournalBug } from './worker/simulated-journal.js';

/** Where a bug can be planted. */
export interface PlantedBug {
  /** Before each handler. */
  tampering?: CallTampering;
  /** Between a dispatcher and its log. */
  wrapLog?: (log: Log, process: SimulatedProcess) => Log;
  /** With a dispatcher before it starts. */
  beforeStart?: (dispatcher: Dispatcher) => void;
  /** In a worker's journal. */
  journal?: JournalBug;
  /** In what a client is told whose submission got lost. */
  isToldNo?: (key: string) => boolean;
}

export interface BugSurroundings {
  random: Random;
  /** Calls a method of whoever has that name, as if somebody had sent it. */
  inject: (call: Call) => void;
  /** Names of all workers. */
  workers: readonly string[];
}

export type Planting = (surroundings: BugSurroundings) => PlantedBug;

/** A batch as it stands in the log. */
export interface BatchBody {
  version: 1;
  atMs: number;
  entries: ({ type: string } & Record<string, unknown>)[];
}

/** Every batch is another one than its writer wrote; a repeated append finds the same again. */
export function rewriting(log: Log, change: (body: BatchBody) => BatchBody): Log {
  const changed = new Map<string, Uint8Array>();
  return {
    ...log,
    append: (index, batch) => {
      const body = changed.get(batch.id) ?? Buffer.from(JSON.stringify(change(decode(batch))));
      changed.set(batch.id, body);
      return log.append(index, { ...batch, body });
    },
  };
}

export function decode(batch: Batch): BatchBody {
  return JSON.parse(Buffer.from(batch.body).toString('utf8')) as BatchBody;
}
