/** One host's stdout or stderr as it is kept, for showing it at the end of a job. */
import type { Dispatcher } from '../api/dispatcher.js';
import { failureText } from '../failure.js';
import type { FinishedHost } from './job-progress.js';

export interface OutputSource {
  readonly dispatcher: Dispatcher;
  readonly job: string;
}

export type Stream = 'stdout' | 'stderr';

/** Connections in a row that break before a further byte, after which the rest is given up. */
const maxBreaks = 3;

/**
 * Passes on the bytes as they come, each once, across broken connections; the answer is a sentence where not all of them
 * could be had.
 */
export async function fetchOutput(
  { dispatcher, job }: OutputSource,
  { host, attempt, outcome }: FinishedHost,
  stream: Stream,
  take: (bytes: Buffer) => Promise<void>,
): Promise<string | undefined> {
  const path = `/v1/jobs/${job}/hosts/${encodeURIComponent(host)}/output?stream=${stream}&attempt=${attempt}`;
  let position = 0;
  for (let breaks = 0; breaks < maxBreaks;) {
    const headers: Record<string, string> = position === 0 ? {} : { range: `bytes=${position}-` };
    const response = await dispatcher.stream(path, { headers });
    if (!response.ok && response.failure.code === 'range-not-satisfiable') return undefined;
    if (!response.ok) return failureText(response.failure).trimEnd();
    const before = position;
    // Whoever doesn't know of ranges begins at the beginning.
    let at = response.value.statusCode === 206 ? position : 0;
    const chunks = response.value[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      const next = await chunks.next().catch(() => 'broken' as const);
      if (next === 'broken') break;
      if (next.done === true) return undefined;
      const fresh = next.value.subarray(Math.max(0, position - at));
      at += next.value.length;
      position = Math.max(position, at);
      if (fresh.length > 0) await take(fresh);
    }
    // What was cut breaks off: whoever shows it says so.
    if ((outcome.outputCutBytes ?? 0) > 0) return undefined;
    breaks = position > before ? 1 : breaks + 1;
  }
  return `pogo: output-gap: ${host}: the connection broke in the middle of its ${stream}; pogo log ${job} ${host} shows it`;
}

/** All of it in memory: for what is known to be small. */
export async function fetchWhole(
  source: OutputSource,
  host: FinishedHost,
  stream: Stream,
): Promise<{ bytes: Buffer; incomplete: string | undefined }> {
  const digest = host.outcome[stream];
  if (digest === undefined || digest.bytes === 0) return { bytes: Buffer.alloc(0), incomplete: undefined };
  const pieces: Buffer[] = [];
  const incomplete = await fetchOutput(source, host, stream, (bytes) => {
    pieces.push(bytes);
    return Promise.resolve();
  });
  return { bytes: Buffer.concat(pieces), incomplete };
}

/** What an attempt wrote beyond the worker's limit. */
export function cutText(bytes: number): string {
  return `cut: ${bytes} bytes were not kept`;
}
