/** What the stub's last word proves of an attempt, whether it was heard at once or fetched later. */
import type { Outcome } from '@pogo/core';
import type { EndedEvent } from '@pogo/stub';
import { escapeHostText } from './escape-text.js';

export interface EndContext {
  /** `user@host:port` */
  readonly shown: string;
  readonly timeoutMs: number;
  /** Whether we told it to end. */
  readonly halted: boolean;
  /** Asked for afterwards: nothing of the command lives any more, whatever else is known. */
  readonly fetched?: boolean;
  /** Only the command itself went through sudo, as this account. */
  readonly commandOnlyAs?: string | undefined;
}

export function outcomeOfEnd(event: EndedEvent, context: EndContext): Outcome {
  const outcome = provenBy(event, context);
  if (context.commandOnlyAs === undefined) return outcome;
  const note = `It ran as ${escapeHostText(context.commandOnlyAs)} by a sudo rule for this command alone, so that Pogo may be unable to end it.`;
  return { ...outcome, message: outcome.message === undefined ? note : `${outcome.message} ${note}` };
}

function provenBy(event: EndedEvent, { shown, timeoutMs, halted, fetched }: EndContext): Outcome {
  const { exit } = event;
  const known: Partial<Outcome> =
    exit.kind === 'exited'
      ? { exitCode: exit.exitCode }
      : exit.kind === 'signalled'
        ? { signal: exit.signal }
        : {};
  if (event.stopCause !== undefined) {
    const cause = causes[event.stopCause];
    if (!event.killConfirmed) {
      const message = `${shown} ended the command (${cause}) but could not confirm that nothing of it is left.`;
      return { state: 'unknown', reason: 'kill-unconfirmed', message, ...known };
    }
    if (event.timedOut) {
      const message = `The command on ${shown} ran longer than ${timeoutMs / 1000} s and was killed.`;
      return { state: 'timed-out', reason: 'command-timeout', message, ...known };
    }
    if (halted && (event.stopCause === 'terminate' || event.stopCause === 'kill')) {
      const message = `The command on ${shown} was killed because the job was halted.`;
      return { state: 'killed', reason: 'halt-kill', message, ...known };
    }
    if (event.stopCause === 'closed' || event.stopCause === 'silence') {
      return {
        state: 'killed',
        reason: 'connection-closed',
        message: `The command on ${shown} was killed there, since ${cause}; what it wrote after that is lost.`,
        ...known,
      };
    }
    return {
      state: 'killed',
      reason: 'stub-stopped',
      message: `The command on ${shown} was killed: ${cause}.`,
      ...known,
    };
  }
  switch (exit.kind) {
    case 'exited':
      if (exit.exitCode === 0) return { state: 'succeeded', exitCode: 0 };
      return {
        state: 'failed',
        reason: 'exit-nonzero',
        message: exit.ambiguous
          ? `The command on ${shown} exited with status ${exit.exitCode}, or was ended by signal ${exit.exitCode - 128}.`
          : `The command on ${shown} exited with status ${exit.exitCode}.`,
        ...known,
      };
    case 'signalled':
      return {
        state: 'failed',
        reason: 'signal',
        message: `The command on ${shown} was ended by ${exit.signal}.`,
        ...known,
      };
    case 'unknown':
      if (fetched === true) {
        return {
          state: 'killed',
          reason: 'stub-stopped',
          message: `The command on ${shown} is over: it was killed together with what watched over it, or the host was restarted.`,
        };
      }
      return {
        state: 'unknown',
        reason: 'stub-protocol',
        message: `${shown} could not tell how the command ended.`,
      };
  }
}

const causes = {
  timeout: 'its time limit has passed',
  terminate: 'it was told to end',
  kill: 'it was told to end',
  closed: 'the connection was closed',
  silence: 'it heard nothing from the worker for too long',
  'stub-signalled': 'the process that watches over it got a signal on the host',
  'no-timer': 'the host has no usable `sleep`, so nothing could be timed',
} as const;
