import type { OutputFrame, RexecMessage } from '@pogo/protocol';

/** The way to the worker, as the job sees it. */
export interface RexecLink {
  send(message: RexecMessage): void;
  /** False when the pipe is full: wait for `drained` before more. */
  output(frame: OutputFrame): boolean;
  drained(): Promise<void>;
}
