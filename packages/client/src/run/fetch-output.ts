/** One host's stdout or stderr as it is kept, for showing it at the end of a job. */
import type { Dispatcher } from '../api/dispatcher.js';
import { failureText } from '../failure.js';
import type { FinishedHost } from './job-progress.js';

export interface OutputSource {
  readonly dispatcher: Dispatcher;
  readonly job: string;
}

export type Stream = 'stdout' | 'stderr';

/** Passes on the bytes as they come; the answer is a sentence where not all of them could be had. */
export async function fetchOutput(
  { dispatcher, job }: OutputSource,
  { host, attempt, outcome }: FinishedHost,
  stream: Stream,
  take: (bytes: Buffer) => Promise<void>,
): Promise<string | undefined> {
  const path = `/v1/jobs/${job}/hosts/${encodeURIComponent(host)}/output?stream=${stream}&attempt=${attempt}`;
  const response = await dispatcher.stream(path);
  if (!response.ok) return failureText(response.failure).trimEnd();
  try {
    for await (const chunk of response.value) await take(chunk as Buffer);
    return undefined;
  } catch {
    // What was cut breaks off: whoever shows it says so.
    if ((outcome.outputCutBytes ?? 0) > 0) return undefined;
    return `pogo: output-gap: ${host}: the connection broke in the middle of its ${stream}; pogo log ${job} ${host} shows it`;
  }
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
