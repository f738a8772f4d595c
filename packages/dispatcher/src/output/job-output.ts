/**
 * The output of all hosts of a job as NDJSON lines, from every worker that had some of them.
 *
 * 1. Per stream in order and complete; what can't be had is a `gap` line, never left out in silence. A worker that has just
 *    gone is waited for: one that is started again has its spool.
 * 2. With `follow` it goes on until the job has ended and every worker has sent all; a worker that comes back is read on
 *    from where it stood. `end` is the last line, and only of a whole stream.
 * 3. Nothing is queued beyond each subscription's window: whoever reads slowly slows these subscriptions alone.
 */
import type { JobView } from '../jobs/job-view.js';
import type { WorkerRegistry } from '../workers/worker-registry.js';
import { FirstSettled } from './first-settled.js';
import { type JobWorkers, jobWorkers, type JobWorkersContext } from './job-workers.js';
import { outputLine } from './output-lines.js';
import { SpoolReader, type SpoolStep } from './spool-reader.js';

export interface JobOutputContext extends JobWorkersContext {
  registry: WorkerRegistry;
}

export interface JobOutputRequest {
  view: JobView;
  follow: boolean;
  /** Where to begin in each worker's spool; 0 for those that aren't named. */
  from: ReadonlyMap<string, number>;
  signal: AbortSignal;
}

/** What the log has come to say; undefined: nobody leads, or the job is gone. */
interface LogStep {
  now: JobWorkers | undefined;
}

/** Chunks of one or more lines. */
export async function* jobOutput(
  context: JobOutputContext,
  { view, follow, from, signal }: JobOutputRequest,
): AsyncGenerator<string> {
  const { registry, history } = context;
  const readers = new Map<string, SpoolReader>();
  const steps = new FirstSettled<SpoolStep | LogStep>();
  // Opened before the first look: the job may end while a slow reader holds up the loop.
  const watch = history.watch(view.job, signal);
  const nextNow = async (): Promise<LogStep> => {
    const index = await watch.changed();
    return { now: index === undefined ? undefined : await jobWorkers(context, view.job, 'unfinished') };
  };
  try {
    steps.add(jobWorkers(context, view.job, 'all').then((now) => ({ now })));
    while (steps.size > 0) {
      const step = await steps.next(signal);
      if (step === undefined) return;
      if ('reader' in step) {
        if (step.lines !== '') yield step.lines;
        if (!step.done) steps.add(step.reader.next());
        continue;
      }
      const { now } = step;
      if (now === undefined) return;
      for (const reader of readers.values()) reader.jobChanged(now);
      for (const worker of now.workers) {
        if (readers.has(worker)) continue;
        const at = from.get(worker) ?? 0;
        const reader = new SpoolReader({ registry, view, worker, follow, from: at, now, signal });
        readers.set(worker, reader);
        steps.add(reader.next());
      }
      if (follow && !now.ended) steps.add(nextNow());
    }
    yield outputLine({ type: 'end' });
  } finally {
    watch.close();
    for (const reader of readers.values()) reader.close();
  }
}
