/**
 * The text that is pushed to a host: POSIX sh, readable in `stub-text/`, put together from the parts that a run needs, and minified
 * for the wire.
 *
 * Invariants of the text, cited as S1 ... by its comments and by the tests:
 * - **S1** The whole is one brace group: a shell parses it to the end before it runs anything, so a cut text runs nothing.
 * - **S2** The command gets /dev/null as stdin, the channel's own stdout and stderr, no descriptor of ours, and default signal
 *   dispositions: it runs in the foreground of the main shell, because what a shell starts with `&` ignores INT and QUIT.
 * - **S3** When the main shell exits, nothing of ours runs: the actor stops the reader and the sleep before it exits. Without a
 *   claim nothing is written on the host; with one, nothing stays but what E4 allows.
 * - **S4** Nobody relies on a signal interrupting `wait` that came before it: a handler then ends the running sleep. What we
 *   start is ended by KILL alone: between fork and exec a child has our handlers, and any other signal can be lost in them.
 * - **S5** A kill is confirmed only by a scan that finds no living process of the session; who is signalled was looked at alone.
 * - **S6** The budget on top of the command: 3 forks (actor, reader, sleep) and 3 execs (sh, setsid, sleep). With a claim one more
 *   exec (`rm`): the sleep that ran at the command's end goes on, and bounds the wait for the acknowledgement.
 *
 * Who does what:
 * - the *main shell* gets the lock, starts the actor, runs the command, and tells the actor its end;
 * - the *actor* measures timeout and silence, one sleep at a time, stops the command's session, and reports the end;
 * - the *reader* passes on control lines, and the end of stdin, to the actor.
 *
 * The three talk through a pipe: the read end of a here-document, opened a second time through /proc for writing. In it are the
 * command's process id, what the actor is told (lines that begin with a comma), and the main shell's stderr. USR2 only wakes the
 * actor: of two signals in quick succession bash and BusyBox may lose one inside `wait`, a line in the pipe is not lost.
 *
 * Exit status or signal? dash, BusyBox and bash print a message ("Killed") about a foreground command that a signal ended; it lands
 * in that pipe. Hosts without /proc, and shells whose here-documents are files, use the *plain mode* instead: the command is
 * started with `&` (S2 without INT and QUIT), the actor is told by a signal for each event, the main shell reports, and a status
 * above 128 stays ambiguous, except under ksh93. Bash before 5.1 would write a file too, and takes a process substitution (a
 * fourth fork).
 *
 * Names begin with `_`, so that an exported variable of the account is hardly ever taken for one of ours. A line that begins with
 * `%PART` is there only in texts with that part, with `%noPART` only in texts without it.
 */
import { minify } from './minify.js';
import { actorText } from './stub-text/actor.js';
import { claimText } from './stub-text/claim.js';
import { commandText } from './stub-text/command.js';
import { earsText } from './stub-text/ears.js';
import { frameText } from './stub-text/frame.js';
import { keeperText } from './stub-text/keeper.js';
import { lockText } from './stub-text/lock.js';
import { placesText } from './stub-text/places.js';
import { scriptText } from './stub-text/script.js';
import { sessionText } from './stub-text/session.js';
import { settleText } from './stub-text/settle.js';
import { stepsText } from './stub-text/steps.js';

/** What a text can hold besides running a command, or (`probe`) instead of it. */
export type StubPart =
  | 'claim'
  | 'fence'
  | 'script'
  | 'probe'
  /** Anything besides one try of the command: comes with each of the following. */
  | 'steps'
  | 'retries'
  | 'pre'
  | 'post'
  | 'health'
  /** Either kind of them. */
  | 'hooks'
  | 'prehooks'
  | 'posthooks'
  /** The command outlives its connection: `keeper` keeps the channel for it. */
  | 'lasting'
  /** Instead of all else: starts a text with `lasting`, or with `attach` comes back to it. */
  | 'keeper'
  | 'attach';

const base = [frameText, earsText, sessionText];
const partTexts: Partial<Record<StubPart, readonly string[]>> = {
  claim: [placesText, claimText],
  steps: [stepsText],
  script: [scriptText],
  probe: [settleText],
};

function readableText(parts: ReadonlySet<StubPart>): string {
  if (parts.has('keeper')) return assembled([frameText, placesText, keeperText], parts);
  const run = parts.has('probe') ? [] : [actorText, commandText, ...(parts.has('claim') ? [lockText] : [])];
  return assembled([...base, ...run, ...[...parts].flatMap((part) => partTexts[part] ?? [])], parts);
}

function assembled(texts: readonly string[], parts: ReadonlySet<StubPart>): string {
  return ['{', ...texts, settingsText]
    .join('\n')
    .split('\n')
    .flatMap((line) => conditional(line.trim(), parts))
    .join('\n');
}

/** The line without its conditions, if they are met. */
function conditional(line: string, parts: ReadonlySet<StubPart>): string[] {
  const [, part, rest] = /^%([a-z]+) +(.*)$/.exec(line) ?? [];
  if (part === undefined || rest === undefined) return [line];
  const met = part.startsWith('no') ? !parts.has(part.slice(2) as StubPart) : parts.has(part as StubPart);
  return met ? conditional(rest, parts) : [];
}

/** What one text is told, by the names of its placeholders. Durations in whole milliseconds; commands and `script` are quoted words. */
export interface StubSettings {
  nonce: string;
  timeout: number;
  grace: number;
  silence: number;
  key?: string;
  index?: number;
  job?: number;
  attempt?: number;
  /** Days since 1970. */
  today?: number;
  wait?: number;
  fence?: number;
  retries?: number;
  pre?: string;
  post?: string;
  health?: string;
  /** Further ones, and the time between two. */
  checks?: number;
  interval?: number;
  bytes?: number;
  script?: string;
  /** Of a command that outlives its connection. */
  lasting?: number;
  /** Of a keeper: the run's own nonce, how long what it keeps is kept, and the size of a piece of output. */
  run?: string;
  seconds?: number;
  piece?: number;
}

const settingsText = `
_nonce=@nonce _rest=@timeout _killGrace=@grace _silence=@silence
%claim _key=.pogo-@key- _index=@index _job=@job _attempt=@attempt _today=@today _waitMs=@wait
%fence _fence=@fence
%retries _retries=@retries
%pre _pre=@pre
%post _post=@post
%health _health=@health _checks=@checks _interval=@interval
%script _bytes=@bytes _script=@script
%lasting _lasting=@lasting
%keeper _key=.pogo-@key- _index=@index _job=@job _attempt=@attempt _today=@today
%keeper _piece=@piece
%keeper %noattach _bytes=@bytes _run=@run _limit=@seconds
@parameters
_main "$@"
exit 0
}
`;

/** Minified texts by their parts: few combinations occur, and each takes a millisecond to make. */
const minified = new Map<string, readonly [head: string, tail: string]>();

/** The text around the parameters of a run: shell lines that export its environment and set its arguments. */
export function stubText(
  parts: ReadonlySet<StubPart>,
  settings: StubSettings,
): { head: string; tail: string } {
  const key = [...parts].sort().join();
  const known = minified.get(key);
  const [head, tail] = known ?? (minify(readableText(parts)).split('@parameters\n') as [string, string]);
  if (!known) minified.set(key, [head, tail]);
  return {
    head: head.replace(/@([a-z]+)/g, (_, name: keyof StubSettings) => String(settings[name])),
    // It ends in one line feed: the shell runs the brace group once it has seen that, and what follows it is the reader's.
    tail,
  };
}
