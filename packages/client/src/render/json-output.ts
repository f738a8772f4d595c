/** `--json`: one document at the end, with every host's outcome and output. */
import type { HostState, Target } from '@pogo/core';
import type { JobDocument } from '@pogo/protocol';
import type { OutputGap, OutputPiece } from '../run/follow-job.js';
import type { JobProgress } from '../run/job-progress.js';
import type { OutputSink } from './output-sink.js';

/** What is kept of one stream; a document with more would be too large to be of use: `--jsonl` or `--outdir` have it all. */
export const maxStreamBytes = 16 * 1024 * 1024;

interface Collected {
  readonly pieces: Buffer[];
  bytes: number;
  truncated: boolean;
}

type HostOutput = Partial<Record<'stdout' | 'stderr', string>> & {
  encoding?: 'base64';
  truncated?: true;
};

export class JsonOutput implements OutputSink {
  readonly #hosts = new Map<string, { stdout: Collected; stderr: Collected }>();
  readonly #gaps: OutputGap[] = [];

  output({ host, stream, data }: OutputPiece): Promise<void> {
    let streams = this.#hosts.get(host);
    if (streams === undefined) {
      streams = { stdout: newCollected(), stderr: newCollected() };
      this.#hosts.set(host, streams);
    }
    const collected = streams[stream];
    const room = maxStreamBytes - collected.bytes;
    if (data.length > room) collected.truncated = true;
    if (room > 0) {
      collected.pieces.push(data.subarray(0, room));
      collected.bytes += Math.min(room, data.length);
    }
    return Promise.resolve();
  }

  gap(gap: OutputGap): Promise<void> {
    this.#gaps.push(gap);
    return Promise.resolve();
  }

  end(): Promise<void> {
    return Promise.resolve();
  }

  document(end: {
    exitCode: number;
    job: JobDocument;
    progress: JobProgress;
    targets: readonly Target[];
  }): unknown {
    const { exitCode, job, progress, targets } = end;
    const finished = new Map([...progress.finished].map((event) => [event.host, event]));
    const hosts = targets.map(({ host }) => {
      const event = finished.get(host);
      const state: HostState = event?.outcome.state ?? progress.stateOf(host);
      return {
        host,
        state,
        ...(event && { attempt: event.attempt, outcome: event.outcome }),
        ...this.#outputOf(host),
      };
    });
    return { job, exitCode, hosts, ...(this.#gaps.length > 0 && { gaps: this.#gaps }) };
  }

  /** Text where all of it is UTF-8, base64 otherwise. */
  #outputOf(host: string): HostOutput {
    const streams = this.#hosts.get(host);
    if (streams === undefined) return {};
    const stdout = Buffer.concat(streams.stdout.pieces);
    const stderr = Buffer.concat(streams.stderr.pieces);
    const text = utf8(stdout) !== undefined && utf8(stderr) !== undefined;
    const encoding = text ? 'utf8' : 'base64';
    return {
      stdout: stdout.toString(encoding),
      stderr: stderr.toString(encoding),
      ...(!text && { encoding: 'base64' as const }),
      ...((streams.stdout.truncated || streams.stderr.truncated) && { truncated: true as const }),
    };
  }
}

function newCollected(): Collected {
  return { pieces: [], bytes: 0, truncated: false };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
