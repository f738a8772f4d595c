/** Payloads of the stub's frames, as `stub-text.ts` writes them. */
import type { CommandExit, EndedEvent, StartedEvent, StopCause } from './events.js';

export type Frame =
  | { kind: 'begin'; started?: StartedEvent }
  | { kind: 'started'; started: StartedEvent }
  | { kind: 'end'; ended?: EndedEvent };

const stopCauses: readonly (StopCause | undefined)[] = [
  undefined,
  'timeout',
  'terminate',
  'kill',
  'closed',
  'silence',
  'stub-signalled',
  'no-timer',
];

/** Added to the number of the cause when the kill isn't confirmed. */
const unconfirmed = 8;

const startPattern = /^([bs]) (\d{1,10}) (1?)$/;
const reportedInPlacePattern = /^e - (\d{1,2})$/;
const endPattern = /^e (\d{1,3}) (\d{1,3}) ([01]) (0|1|12) (.*)$/;

/** Undefined when no stub of ours writes such a payload. */
export function parseFrame(payload: string): Frame | undefined {
  if (payload === 'b') return { kind: 'begin' };
  if (payload === 'e') return { kind: 'end' };
  const start = startPattern.exec(payload);
  if (start) {
    const started: StartedEvent = { kind: 'started', pid: Number(start[2]), ownSession: start[3] === '1' };
    return { kind: start[1] === 'b' ? 'begin' : 'started', started };
  }
  const inPlace = reportedInPlacePattern.exec(payload);
  if (inPlace) return endFrame({ kind: 'unknown' }, Number(inPlace[1]), false);
  const end = endPattern.exec(payload);
  if (end) {
    const exit = commandExit(Number(end[1]), end[4] as '0' | '1' | '12', end[5] ?? '');
    return endFrame(exit, Number(end[2]), end[3] === '1');
  }
  return undefined;
}

function endFrame(exit: CommandExit, verdict: number, groupLeft: boolean): Frame {
  // An actor that died by itself leaves 128 and more: it stopped nothing, and nobody else would have.
  const stopCause = verdict < 128 ? stopCauses[verdict % unconfirmed] : undefined;
  const killed = stopCause !== undefined;
  const killConfirmed = killed && verdict < unconfirmed;
  return {
    kind: 'end',
    ended: {
      kind: 'ended',
      exit,
      ...(killed && { stopCause }),
      timedOut: stopCause === 'timeout',
      killed,
      killConfirmed,
      leftovers: killed ? !killConfirmed : groupLeft,
    },
  };
}

/** 0: the shell says nothing about deaths by signal; 1: dash, BusyBox; 12: bash. */
type Reporter = '0' | '1' | '12';

/** Signals whose deaths those shells pass over in silence (bash: TERM depends on how it was built). */
const unreported: Record<Reporter, readonly number[]> = { 0: [], 1: [2, 13], 12: [2, 13, 15] };

function commandExit(status: number, reporter: Reporter, message: string): CommandExit {
  // ksh93 adds 256 to the signal's number.
  if (status > 256) return { kind: 'signalled', signal: signalName(status - 256) };
  if (status > 128 && message !== '') return { kind: 'signalled', signal: signalName(status - 128) };
  const ambiguous =
    status > 128 && status < 128 + 65 && (reporter === '0' || unreported[reporter].includes(status - 128));
  return { kind: 'exited', exitCode: status, ambiguous };
}

/** Numbers 1 to 31 as Linux has them on x86 and ARM. */
const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );

function signalName(number: number): string {
  const name = signalNames[number - 1];
  return name === undefined ? `SIG${number}` : `SIG${name}`;
}
