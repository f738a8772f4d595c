import { type RexecMessage, rexecMessageSchema } from '@pogo/protocol';
import type { Log } from './log.js';

export interface RexecListener {
  log: Log;
  pid: () => number | undefined;
  /** It is up; `pid` where it says which process it is. */
  ready: (pid: number | undefined) => void;
  /** It has sent what is no message. */
  broken: () => void;
  message: (message: RexecMessage) => void;
}

/** What one frame from a rexec says, to whom it concerns. */
export function hearRexec(value: unknown, { log, pid, ready, broken, message }: RexecListener): void {
  const parsed = rexecMessageSchema.safeParse(value);
  if (!parsed.success) {
    log.error({ rexec: pid() }, 'rexec sent what is not a message, and was ended');
    broken();
  } else if (parsed.data.type === 'ready') ready(parsed.data.pid);
  else if (parsed.data.type === 'log') log[parsed.data.level]({ rexec: pid() }, parsed.data.message);
  else message(parsed.data);
}
