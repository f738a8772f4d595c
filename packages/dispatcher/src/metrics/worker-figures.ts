import type { WorkerRegistry } from '../workers/worker-registry.js';
import type { ServedNamespaces } from '../namespaces/served-namespaces.js';

/** What the metrics tell of one worker. */
export interface WorkerFigures {
  worker: string;
  isConnected: boolean;
  isDraining: boolean;
  /** Attempts that it takes at once; undefined for one that hasn't been connected to this dispatcher. */
  capacity: number | undefined;
  /** Attempts that the logs assign to it and that aren't over, in all namespaces. */
  assigned: number;
}

/** Of every worker that is connected here, was, or that a log names; by name. Waits for nothing. */
export function workerFigures(
  registry: WorkerRegistry,
  { all }: Pick<ServedNamespaces, 'all'>,
): WorkerFigures[] {
  const figures = new Map<string, WorkerFigures>();
  const of = (worker: string): WorkerFigures => {
    let found = figures.get(worker);
    if (found === undefined) {
      found = { worker, isConnected: false, isDraining: false, capacity: undefined, assigned: 0 };
      figures.set(worker, found);
    }
    return found;
  };
  for (const { name, session, capacity } of registry.all()) {
    Object.assign(of(name), { isConnected: session !== undefined, capacity });
  }
  for (const { leader } of all) {
    leader.glance(({ workers, drained, assignedTo }) => {
      for (const name of workers.keys()) of(name);
      for (const name of drained.keys()) of(name).isDraining = true;
      for (const [name, count] of assignedTo) of(name).assigned += count;
    });
  }
  return [...figures.values()].sort((one, other) => (one.worker < other.worker ? -1 : 1));
}
