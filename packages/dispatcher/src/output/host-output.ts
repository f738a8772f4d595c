/** One host's stdout or stderr, as its bytes came. */
import { isTerminal } from '@pogo/core';
import { findJob } from '../jobs/find-job.js';
import type { JobView } from '../jobs/job-view.js';
import { hostDocument } from '../jobs/job-documents.js';
import type { JobHostDocument } from '@pogo/protocol';
import type { JobOutputContext } from './job-output.js';
import { jobWorkers } from './job-workers.js';
import { type OutputRequest, OutputSubscription } from './output-subscription.js';

export interface HostOutputRequest {
  view: JobView;
  host: number;
  stream: 'stdout' | 'stderr';
  follow: boolean;
  signal: AbortSignal;
}

/** Where a host's output is, and how much of it there will be. */
export interface HostOutputPlace {
  worker: string;
  attempt: number;
  /** Length of the whole stream, once the attempt has ended and told. */
  totalBytes: number | undefined;
}

export type LocateOutcome =
  | { kind: 'found'; place: HostOutputPlace }
  /** Never ordered, so there is no output, and with `follow` there never will be. */
  | { kind: 'none'; attempt: number }
  | { kind: 'unknown' }
  | { kind: 'lost' };

/** Looks the host up; with `follow` it waits until a worker has it. */
export async function locateHostOutput(
  context: JobOutputContext,
  { view, host, stream, follow, signal }: HostOutputRequest,
): Promise<LocateOutcome> {
  const watch = context.history.watch(view.job, signal);
  try {
    for (;;) {
      const found = await findJob(context, String(view.job), ({ hosts }) =>
        hostDocument(view.hosts.name(host), hosts[host]!),
      );
      if (found.kind === 'lost' || found.kind === 'unknown') return { kind: found.kind };
      const document: JobHostDocument =
        found.kind === 'live' ? found.value : (await context.archive.hosts(found.archived))[host]!;
      const { worker, attempt, outcome, state } = document;
      if (worker !== undefined) {
        return { kind: 'found', place: { worker, attempt, totalBytes: outcome?.[stream]?.bytes } };
      }
      if (!follow || isTerminal(state)) return { kind: 'none', attempt };
      if ((await watch.changed()) === undefined) return { kind: 'lost' };
    }
  } finally {
    watch.close();
  }
}

/**
 * Opens the output of an attempt before the present one, at whichever connected worker has it: the log only tells who had
 * orders of the job. Undefined when none of these has.
 */
export async function openEarlierOutput(
  context: JobOutputContext,
  job: number,
  request: Omit<OutputRequest, 'job' | 'follow'>,
): Promise<OutputSubscription | undefined> {
  const had = await jobWorkers(context, job, 'all');
  for (const worker of [...(had?.workers ?? [])].sort()) {
    const session = context.registry.get(worker)?.session;
    if (session === undefined) continue;
    const opened = await OutputSubscription.open(session, { ...request, job, follow: false });
    if (opened.kind === 'open') return opened.subscription;
  }
  return undefined;
}

/** The stream broke off: the bytes that are missing can't be had, or not just now. */
export class OutputBroken extends Error {
  constructor(cause: string) {
    super(cause);
    this.name = 'OutputBroken';
  }
}

/**
 * The bytes of an opened subscription. Throws {@link OutputBroken}, so that a part is never taken for the whole.
 *
 * @param ending for a stream that is followed: resolves to its length once that is known. The worker itself ends such a
 *   subscription only with the job.
 */
export async function* hostOutputBytes(
  subscription: OutputSubscription,
  signal: AbortSignal,
  ending?: Promise<number | undefined>,
): AsyncGenerator<Uint8Array> {
  const onAbort = () => subscription.close();
  signal.addEventListener('abort', onAbort, { once: true });
  let deliveredBytes = 0;
  let totalBytes = Infinity;
  ending?.then(
    (length) => {
      totalBytes = length ?? Infinity;
      if (deliveredBytes >= totalBytes) subscription.close();
    },
    () => subscription.close(),
  );
  try {
    while (deliveredBytes < totalBytes) {
      const step = await subscription.next();
      if (step.kind === 'ended' || deliveredBytes >= totalBytes) return;
      if (step.kind === 'gone') throw new OutputBroken('the worker has disconnected');
      if (step.kind === 'closed') throw new OutputBroken('the reader has gone');
      for (const { kind, offset, data } of step.frames) {
        if (kind === 'gap') throw new OutputBroken(`${offset} bytes were not kept`);
        deliveredBytes += data.length;
        if (data.length > 0) yield data;
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    subscription.close();
  }
}

/** Length of the host's stream once its attempt has ended; undefined when that isn't told, or `signal` aborts first. */
export async function hostOutputLength(
  context: JobOutputContext,
  request: HostOutputRequest,
): Promise<number | undefined> {
  const { view, host, stream, signal } = request;
  const watch = context.history.watch(view.job, signal);
  try {
    for (;;) {
      const found = await findJob(context, String(view.job), ({ hosts }) => {
        const { state, outcome } = hosts[host]!;
        return { over: isTerminal(state), totalBytes: outcome?.[stream]?.bytes };
      });
      if (found.kind !== 'live') return undefined;
      if (found.value.over) return found.value.totalBytes;
      if ((await watch.changed()) === undefined) return undefined;
    }
  } finally {
    watch.close();
  }
}
