/** Payloads of the stub's frames, as `stub-text.ts` writes them. */
import type {
  BusyEvent,
  CommandExit,
  EndedEvent,
  FencedEvent,
  KeptEvent,
  ReceivedEvent,
  RefusedCode,
  RefusedEvent,
  SendEvent,
  SettledEvent,
  StartedEvent,
  StepEvent,
  StopCause,
  StubStep,
} from './events.js';

export type Frame =
  | { kind: 'begin'; started?: StartedEvent }
  | { kind: 'started'; started: StartedEvent }
  | { kind: 'step'; step: StepEvent }
  | { kind: 'settled'; settled: SettledEvent }
  | { kind: 'upload'; upload: SendEvent | ReceivedEvent }
  | { kind: 'kept'; kept: KeptEvent }
  /** The end of a stub that ran nothing. */
  | { kind: 'declined'; declined: BusyEvent | FencedEvent | RefusedEvent }
  /** What somebody else wrote into a claim. */
  | { kind: 'unreadable' }
  /** The end of a probe. */
  | { kind: 'probed' }
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

/** The step, and behind another comma the hook; nothing stands for the command itself. */
const step = '(?:,([hbapg])(?:,([a-zA-Z0-9._+-]{1,255}|%))?)?';
const startPattern = new RegExp(`^([bs]) (\\d{1,10}) (1?)(?: (1?)${step})?$`);
const stepPattern = new RegExp(`^p${step}$`);
const endPattern = new RegExp(`^e (\\d{1,3}) (\\d{1,3}) ([01]) (0|1|12)${step}(?: (.*))?$`);
const endInPlacePattern = new RegExp(`^e - (\\d{1,2})(?: [01] (?:0|12?)${step}(?: .*)?)?$`);
/** Process id and start as the claim has them, with the step. */
const begunPattern = new RegExp(`^\\d{1,10} \\d{1,20} ?${step}$`);
const livePattern = /^l (\d{1,10}) (\d{1,10}) (\d{1,10})$/;
const nonePattern = /^n (\d{1,10}) (\d{1,10}) (\d{1,10}) (\d{0,10})$/;
/** Index, job, attempt, day / process id and start of the command / the end, as the lines of the claim have them. */
const leftPattern = /^o (\d{1,10}) (\d{1,10}) (\d{1,10}) \d{1,10}\/([^/]*)\/(.*)$/;
const busyPattern = /^u (\d{1,3}) (\d{1,10}) (\d{1,10}) (?:(\d{1,10}) (\d{1,10}) \d{1,10})? ?$/;

/** Undefined when no stub of ours writes such a payload. */
export function parseFrame(payload: string): Frame | undefined {
  switch (payload.charAt(0)) {
    case 'b':
    case 's':
      return payload === 'b' ? { kind: 'begin' } : startFrame(payload);
    case 'p':
      return stepFrame(payload);
    case 'e': {
      if (payload === 'e') return { kind: 'end' };
      const ended = parseEnd(payload);
      return ended && { kind: 'end', ended };
    }
    case 'o':
    case 'l':
    case 'n':
      return settledFrame(payload);
    case 'u':
      return busyFrame(payload);
    case 'f': {
      const index = /^f (\d{1,10})$/.exec(payload)?.[1];
      return index === undefined
        ? undefined
        : { kind: 'declined', declined: { kind: 'fenced', index: Number(index) } };
    }
    case 'x':
      return refusedFrame(payload);
    case 'r': {
      const offset = /^r (\d{1,10})$/.exec(payload)?.[1];
      return offset === undefined
        ? undefined
        : { kind: 'upload', upload: { kind: 'send', offset: Number(offset) } };
    }
    case 'k': {
      const [, run, whole] = /^k ([0-9A-Za-z]{16,64}) (1?)$/.exec(payload) ?? [];
      return run === undefined
        ? undefined
        : { kind: 'kept', kept: { kind: 'kept', run, isWhole: whole === '1' } };
    }
    case 'v':
      return payload === 'v' ? { kind: 'upload', upload: { kind: 'received' } } : undefined;
    case 'q':
      return payload === 'q' ? { kind: 'probed' } : undefined;
    default:
      return undefined;
  }
}

function startFrame(payload: string): Frame | undefined {
  const start = startPattern.exec(payload);
  if (!start) return undefined;
  const started: StartedEvent = {
    kind: 'started',
    pid: Number(start[2]),
    ownSession: start[3] === '1',
    lock: start[4] === '1' ? 'held' : 'none',
    ...stepOf(start[5], start[6]),
  };
  return { kind: start[1] === 'b' ? 'begin' : 'started', started };
}

function stepFrame(payload: string): Frame | undefined {
  const match = stepPattern.exec(payload);
  return match ? { kind: 'step', step: { kind: 'step', ...stepOf(match[1], match[2]) } } : undefined;
}

const stepKinds: Readonly<Record<string, StubStep['kind']>> = {
  h: 'prehook',
  b: 'pre',
  a: 'post',
  p: 'posthook',
  g: 'health',
};

function stepOf(letter: string | undefined, hook: string | undefined): { step?: StubStep } {
  const kind = letter === undefined ? undefined : stepKinds[letter];
  if (kind === undefined) return {};
  return { step: { kind, ...(hook !== undefined && hook !== '%' && { hook }) } };
}

/** The end as a frame or an outcome record has it. */
function parseEnd(payload: string): EndedEvent | undefined {
  const inPlace = endInPlacePattern.exec(payload);
  if (inPlace) {
    return {
      ...endedEvent({ kind: 'unknown' }, Number(inPlace[1]), false),
      ...stepOf(inPlace[2], inPlace[3]),
    };
  }
  const end = endPattern.exec(payload);
  if (!end) return undefined;
  const exit = commandExit(Number(end[1]), end[4] as '0' | '1' | '12', end[7] ?? '');
  return { ...endedEvent(exit, Number(end[2]), end[3] === '1'), ...stepOf(end[5], end[6]) };
}

function settledFrame(payload: string): Frame | undefined {
  const live = livePattern.exec(payload);
  if (live) return { kind: 'settled', settled: { ...attemptOf(live), found: 'live' } };
  const none = nonePattern.exec(payload);
  if (none) {
    const uptime = none[4] ? { uptimeSeconds: Number(none[4]) } : {};
    return { kind: 'settled', settled: { ...attemptOf(none), found: 'none', ...uptime } };
  }
  const left = leftPattern.exec(payload);
  if (!left) return payload.startsWith('o ') ? { kind: 'unreadable' } : undefined;
  if (left[4] === '') return { kind: 'settled', settled: { ...attemptOf(left), found: 'none' } };
  // Without an end, or with one that was cut short, it began and is over, and that is all.
  const begun = begunPattern.exec(left[4]!);
  const ended = parseEnd(`e ${left[5]}`) ?? {
    ...endedEvent({ kind: 'unknown' }, 0, false),
    ...stepOf(begun?.[1], begun?.[2]),
  };
  return { kind: 'settled', settled: { ...attemptOf(left), found: 'outcome', ended } };
}

function attemptOf(match: RegExpExecArray) {
  const [, index, job, attempt] = match;
  return { kind: 'settled', job: Number(job), attempt: Number(attempt), index: Number(index) } as const;
}

/** What the text's waiting shell leaves as status when only its time is up. */
const waitLimit = 16;

function busyFrame(payload: string): Frame | undefined {
  const busy = busyPattern.exec(payload);
  if (!busy) return undefined;
  const [, status, index, pid, job, attempt] = busy;
  const stopCause = Number(status) < waitLimit ? stopCauses[Number(status)] : undefined;
  return {
    kind: 'declined',
    declined: {
      kind: 'busy',
      ...(job !== undefined && {
        holder: { index: Number(index), pid: Number(pid), job: Number(job), attempt: Number(attempt) },
      }),
      ...(stopCause && { stopCause }),
    },
  };
}

const refusals: Readonly<Record<string, readonly [code: RefusedCode, message: string]>> = {
  cut: ['upload-cut', 'The channel was closed before the script had arrived whole: nothing was run.'],
  silent: ['upload-silent', 'The script stopped arriving: nothing was run.'],
  space: [
    'upload-no-space',
    'The script could not be written on the host: its disk, or the quota of the account, is full.',
  ],
  place: [
    'upload-no-place',
    'The account can write neither to its home nor to /var/tmp, /dev/shm or /tmp: there is no place for the script.',
  ],
  exec: [
    'script-not-executable',
    'Files can be executed nowhere that the account can write to, and the script names no interpreter (#!) in its first line.',
  ],
  keeper: [
    'keeper-impossible',
    'A command can outlive its connection only where there are /proc, setsid and mkfifo, and where the account can keep its output: in its home, /var/tmp, /dev/shm or /tmp.',
  ],
  gone: ['keeper-gone', 'The host keeps no such command.'],
  fence: [
    'fence-impossible',
    'The account can write neither to its home nor to /var/tmp: no fence can be left that survives a restart of the host.',
  ],
};

function refusedFrame(payload: string): Frame | undefined {
  const word = /^x ([a-z]+)$/.exec(payload)?.[1];
  const refusal = word !== undefined && Object.hasOwn(refusals, word) ? refusals[word] : undefined;
  if (!refusal) return undefined;
  const [code, message] = refusal;
  return { kind: 'declined', declined: { kind: 'refused', code, message } };
}

function endedEvent(exit: CommandExit, verdict: number, groupLeft: boolean): EndedEvent {
  // An actor that died by itself leaves 128 and more: it stopped nothing, and nobody else would have.
  const stopCause = verdict < 128 ? stopCauses[verdict % unconfirmed] : undefined;
  const killed = stopCause !== undefined;
  const killConfirmed = killed && verdict < unconfirmed;
  return {
    kind: 'ended',
    exit,
    ...(killed && { stopCause }),
    timedOut: stopCause === 'timeout',
    killed,
    killConfirmed,
    leftovers: killed ? !killConfirmed : groupLeft,
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
