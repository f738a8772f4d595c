import type { OutputGap, OutputPiece } from '../run/follow-job.js';

/** Takes the output of a job's hosts as it comes. Each call is awaited before the next piece is read. */
export interface OutputSink {
  output(piece: OutputPiece): Promise<void>;
  /** Bytes that can't be had. */
  gap(gap: OutputGap): Promise<void>;
  /** Nothing more comes. */
  end(): Promise<void>;
}
