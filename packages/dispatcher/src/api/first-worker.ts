import { delay } from '@pogo/lifecycle';
import type { ApiContext } from './context.js';

/** Right after a start the worker may be on its way: waits a little for one that can be sealed for. */
export async function firstWorker(
  { registry, clock, workerWaitMs }: ApiContext,
  signal: AbortSignal,
): Promise<void> {
  if (registry.recipients().length > 0) return;
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  await Promise.race([registry.arrival(either), delay(clock, workerWaitMs, either)]);
  over.abort();
}
