/** What the stub's last word proves of an attempt, whether it was heard at once or fetched later. */
import type { Outcome } from '@pogo/core';
import type { EndedEvent, StubStep } from '@pogo/stub';
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
  if (context.commandOnlyAs === undefined || event.step !== undefined) return outcome;
  const note = `It ran as ${escapeHostText(context.commandOnlyAs)} by a sudo rule for this command alone, so that Pogo may be unable to end it.`;
  return { ...outcome, message: outcome.message === undefined ? note : `${outcome.message} ${note}` };
}

function provenBy(event: EndedEvent, { shown, timeoutMs, halted, fetched }: EndContext): Outcome {
  const { exit, step } = event;
  const what = nameOf(step);
  const known: Partial<Outcome> = {
    ...(exit.kind === 'exited' && { exitCode: exit.exitCode }),
    ...(exit.kind === 'signalled' && { signal: exit.signal }),
    ...(step && { step: step.kind }),
    ...(step?.hook !== undefined && { hook: step.hook }),
  };
  if (event.stopCause !== undefined) {
    const cause = causes[event.stopCause];
    if (!event.killConfirmed) {
      const message = `${shown} ended ${what} (${cause}) but could not confirm that nothing of it is left.`;
      return { state: 'unknown', reason: 'kill-unconfirmed', message, ...known };
    }
    if (event.timedOut) {
      const message = `${sentence(what)} on ${shown} ran longer than ${timeoutMs / 1000} s and was killed${consequence(step)}.`;
      return { state: 'timed-out', reason: step ? 'step-timeout' : 'command-timeout', message, ...known };
    }
    if (halted && (event.stopCause === 'terminate' || event.stopCause === 'kill')) {
      const message = `${sentence(what)} on ${shown} was killed because the job was halted${consequence(step)}.`;
      return { state: 'killed', reason: 'halt-kill', message, ...known };
    }
    if (event.stopCause === 'closed' || event.stopCause === 'silence') {
      // It may have done so by itself, just before it was told to.
      const killed =
        exit.kind === 'exited' && exit.exitCode === 0
          ? 'ended with status 0 while it was being killed'
          : 'was killed';
      return {
        state: 'killed',
        reason: 'connection-closed',
        message: `${sentence(what)} on ${shown} ${killed} there, since ${cause}${consequence(step)}; what it wrote after that is lost.`,
        ...known,
      };
    }
    return {
      state: 'killed',
      reason: 'stub-stopped',
      message: `${sentence(what)} on ${shown} was killed: ${cause}${consequence(step)}.`,
      ...known,
    };
  }
  switch (exit.kind) {
    case 'exited':
      if (exit.exitCode === 0) return { state: 'succeeded', exitCode: 0 };
      return {
        state: 'failed',
        reason: step ? `${step.kind}-failed` : 'exit-nonzero',
        message: exit.ambiguous
          ? `${sentence(what)} on ${shown} exited with status ${exit.exitCode}, or was ended by signal ${exit.exitCode - 128}${consequence(step)}.`
          : `${sentence(what)} on ${shown} exited with status ${exit.exitCode}${consequence(step)}.`,
        ...known,
      };
    case 'signalled':
      return {
        state: 'failed',
        reason: step ? `${step.kind}-failed` : 'signal',
        message: `${sentence(what)} on ${shown} was ended by ${exit.signal}${consequence(step)}.`,
        ...known,
      };
    case 'unknown':
      if (fetched === true) {
        return {
          state: 'killed',
          reason: 'stub-stopped',
          // The step is what was last written down, which is no evidence that nothing came after it.
          message: `${sentence(what)} on ${shown} is over: it was killed together with what watched over it, or the host was restarted.`,
        };
      }
      return {
        state: 'unknown',
        reason: 'stub-protocol',
        message: `${shown} could not tell how ${what} ended.`,
      };
  }
}

/** Part of a sentence. */
function nameOf(step: StubStep | undefined): string {
  switch (step?.kind) {
    case undefined:
      return 'the command';
    case 'prehook':
      return step?.hook === undefined ? 'a pre hook' : `the pre hook ${step.hook}`;
    case 'posthook':
      return step?.hook === undefined ? 'a post hook' : `the post hook ${step.hook}`;
    case 'pre':
    case 'post':
      return `the --${step!.kind} command`;
    case 'health':
      return 'the health check';
  }
}

function sentence(what: string): string {
  return what.charAt(0).toUpperCase() + what.slice(1);
}

/** What the end of a step says of the command: a clause. */
function consequence(step: StubStep | undefined): string {
  switch (step?.kind) {
    case undefined:
      return '';
    case 'prehook':
    case 'pre':
      return ', so the command did not begin';
    default:
      return '; the command itself had succeeded';
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
