/**
 * Renders the stub for one run: a short command line for the exec channel, and the text for its stdin.
 *
 * - The command line means the same to every login shell (bash, dash, zsh, ksh, fish, tcsh) and takes its place.
 * - The shell reads the text from stdin itself: no `head`, whose start costs more than the reading.
 * - Every byte of an argument stands inside single quotes, where no shell reads anything but the next single quote.
 */
import { type StubClaim, claimFault, claimSettings } from './claim.js';
import { isNonce } from './marker.js';
import { type StubPart, type StubSettings, stubText } from './stub-text.js';

/** What to run. */
export type StubCommand =
  /** An argument vector as it is: bytes, or strings in UTF-8. */
  | { kind: 'argv'; argv: readonly (Uint8Array | string)[] }
  /** A string for `/bin/sh -c`. */
  | { kind: 'shell'; script: string }
  /** A file that follows on the channel (see the parser's `send`), run by its own name. Needs a claim. */
  | { kind: 'script'; name: string; bytes: number; args: readonly (Uint8Array | string)[] };

export interface StubOptions {
  /** Marks the frames of this run; 16 to 64 letters and digits that nobody on the host can guess. */
  nonce: string;
  command: StubCommand;
  /** Exported to the command. Names begin with `POGO_`. */
  environment: Readonly<Record<string, string>>;
  /** After this the command is ended, and reported as timed out; each try, and each other step, has it whole. 1 ms to 24 days. */
  timeoutMs: number;
  /** Between TERM and KILL, on timeout and terminate. Default 5000; 0 means KILL at once. */
  killGraceMs?: number;
  /** The longest time without a heartbeat, or without bytes of a script. Default 30,000. See `heartbeatIntervalMs`. */
  silenceMs?: number;
  /** Takes the host's lock, and leaves the outcome there until it is acknowledged. Without it nothing is written on the host. */
  claim?: StubClaim;
  /** Further tries, 5 s apart, of a command that failed by itself with a status other than 126 and 127. Default 0; at most 100. */
  retries?: number;
  /** What surrounds the command. */
  steps?: StubSteps;
  /** It outlives its connection, for so long at a time: to be given to a keeper ({@link renderKeeper}). Needs a claim. */
  lastingMs?: number;
}

/** Where one stream of a run that lasts goes on: in which piece, behind how many bytes of it. */
export interface KeptPosition {
  piece: number;
  offset: number;
}

/**
 * What stands in the channel's place for a run that outlives its connection. The parser of its own nonce says `send` when it waits
 * for the run's text, of `bytes` bytes, and `received` once that is there; or `kept`, once it has come back to a run. What follows is
 * the channel of the run as it was kept.
 */
export interface KeeperOptions {
  /** Of this connection: nobody must know it before. */
  nonce: string;
  claim: StubClaim;
  what: { kind: 'launch'; run: string; bytes: number; limitMs: number } | { kind: 'attach' };
  stdout: KeptPosition;
  stderr: KeptPosition;
}

/** Output is kept on a host in pieces of so many bytes, at most four of each stream; see `encodeNextPiece`. */
export const keptPieceBytes = 8 * 1024 * 1024;

/** In this order, the command behind `pre`; the first that doesn't succeed is the last. */
export interface StubSteps {
  /** Runs the executable files in `/etc/pogo/pre.d` first. */
  prehooks?: boolean;
  /** A string for `/bin/sh -c`, as the following. */
  pre?: string;
  post?: string;
  /** Runs the executable files in `/etc/pogo/post.d`. */
  posthooks?: boolean;
  /** Tried until it succeeds: up to `retries` times more, `intervalMs` apart. */
  health?: { script: string; retries: number; intervalMs: number };
}

/** The attempt that is asked about; `waitMs` is how long to wait for its end while it lives. */
export interface SettleOptions extends StubClaim {
  nonce: string;
  /** As in {@link StubOptions}: between heartbeats. */
  silenceMs?: number;
}

export type RenderedStub =
  | {
      ok: true;
      /** The command line for the exec channel. */
      execLine: string;
      /** To be written to its stdin at once; nothing else until the parser says `ready`, and no end of stdin. */
      stdin: Uint8Array;
    }
  | { ok: false; code: StubRefusal; message: string };

export type StubRefusal =
  | 'nonce-invalid'
  | 'argv-empty'
  | 'nul-in-command'
  | 'environment-name-invalid'
  | 'nul-in-environment'
  | 'duration-invalid'
  | 'claim-invalid'
  | 'script-invalid'
  | 'retries-invalid'
  | 'steps-invalid';

const execLine = 'exec /bin/sh -s';

/** The text counts in 32-bit milliseconds, for shells that have no wider numbers. */
const maximumMs = 2 ** 31 - 1;

const environmentName = /^POGO_[A-Z0-9_]+$/;

/** Pause between two tries. */
const pauseMs = 5000;
const maximumRetries = 100;
const defaultKillGraceMs = 5000;
const defaultSilenceMs = 30_000;
const defaultWaitMs = { run: 10_000, probe: 30_000 };

export function renderStub(options: StubOptions): RenderedStub {
  const { nonce, command, environment, timeoutMs, claim, retries = 0, steps = {}, lastingMs } = options;
  const { killGraceMs = defaultKillGraceMs, silenceMs = defaultSilenceMs } = options;
  const fault =
    commonFault(nonce, [
      ['timeout', timeoutMs, 1],
      ['kill grace', killGraceMs, 0],
      ['silence limit', silenceMs, 3],
    ]) ??
    (claim && claimRefusal(claim)) ??
    (lastingMs === undefined ? undefined : lastingFault(lastingMs, claim)) ??
    retriesFault('retries', retries) ??
    stepsFault(steps);
  if (fault) return fault;
  const exports: Buffer[] = [];
  for (const [name, value] of Object.entries(environment)) {
    if (!environmentName.test(name)) {
      return refuse(
        'environment-name-invalid',
        `The environment variable ${JSON.stringify(name)} can't be set: names begin with POGO_ and hold capital letters, digits and _.`,
      );
    }
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.includes(0)) {
      return refuse(
        'nul-in-environment',
        `The environment variable ${name} holds a NUL character, which no environment can: remove it.`,
      );
    }
    exports.push(Buffer.from(`export ${name}=`, 'latin1'), quote(bytes), lineFeed);
  }
  if (command.kind === 'script') {
    const { name, bytes } = command;
    if (!claim) return refuse('script-invalid', 'A script needs a claim: its folder is named after that.');
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name) || Buffer.byteLength(name) > 255) {
      return refuse('script-invalid', `A script can't be called ${JSON.stringify(name)}: give a file name.`);
    }
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > maximumMs) {
      return refuse('script-invalid', `A script can't have ${bytes} bytes: give its size.`);
    }
  }
  const words = wordsOf(command).map((word) => (typeof word === 'string' ? Buffer.from(word, 'utf8') : word));
  if (words.length === 0 && command.kind === 'argv') {
    return refuse('argv-empty', 'The command has no words: name the program to run.');
  }
  const withNul = words.findIndex((word) => word.includes(0));
  if (withNul >= 0) {
    return refuse(
      'nul-in-command',
      command.kind === 'shell'
        ? 'The shell string holds a NUL character, which no command line can: remove it.'
        : `Word ${withNul + 1} of the command holds a NUL character, which no command line can: remove it.`,
    );
  }
  const parts = new Set<StubPart>();
  const settings: StubSettings = { nonce, timeout: timeoutMs, grace: killGraceMs, silence: silenceMs };
  if (claim) {
    parts.add('claim');
    Object.assign(settings, claimSettings({ ...claim, waitMs: claim.waitMs ?? defaultWaitMs.run }));
    if (claim.fence) {
      parts.add('fence');
      settings.fence = claim.index;
    }
  }
  if (retries > 0) {
    parts.add('retries');
    settings.retries = retries;
  }
  addSteps(steps, parts, settings);
  if (lastingMs !== undefined) {
    parts.add('lasting');
    settings.lasting = lastingMs;
  }
  if (command.kind === 'script') {
    parts.add('script');
    settings.bytes = command.bytes;
    settings.script = quotedText(command.name);
  }
  const { head, tail } = stubText(parts, settings);
  // `setsid -x` would take the program's name for an option of its own; a script is called by its whole path.
  const guard = command.kind !== 'script' && words[0]?.[0] === 0x2d ? ' --' : '';
  const stdin = Buffer.concat([
    Buffer.from(head, 'latin1'),
    ...exports,
    Buffer.from(`set --${guard}`, 'latin1'),
    ...words.flatMap((word) => [space, quote(word)]),
    lineFeed,
    Buffer.from(tail, 'latin1'),
  ]);
  return { ok: true, execLine, stdin };
}

/**
 * Renders the probe of an attempt: it runs nothing, and the parser says `settled` once. While the attempt lives it waits for its
 * end, for `waitMs` (default 30,000) at the longest.
 */
export function renderSettle(options: SettleOptions): RenderedStub {
  const { nonce, silenceMs = defaultSilenceMs, ...claim } = options;
  const fault = commonFault(nonce, [['silence limit', silenceMs, 3]]) ?? claimRefusal(claim);
  if (fault) return fault;
  const parts = new Set<StubPart>(['claim', 'probe']);
  const settings: StubSettings = {
    nonce,
    timeout: 0,
    grace: 0,
    silence: silenceMs,
    ...claimSettings({ ...claim, waitMs: claim.waitMs ?? defaultWaitMs.probe }),
  };
  if (claim.fence) {
    parts.add('fence');
    settings.fence = claim.index + 1;
  }
  const { head, tail } = stubText(parts, settings);
  return { ok: true, execLine, stdin: Buffer.from(head + tail, 'latin1') };
}

/** Renders the keeper of a run that lasts, or what comes back to it. */
export function renderKeeper({ nonce, claim, what, stdout, stderr }: KeeperOptions): RenderedStub {
  const launch = what.kind === 'launch' ? what : undefined;
  const fault =
    commonFault(nonce, launch === undefined ? [] : [['limit', launch.limitMs, 1000]]) ?? claimRefusal(claim);
  if (fault) return fault;
  const parts = new Set<StubPart>(launch === undefined ? ['keeper', 'attach'] : ['keeper']);
  const { head, tail } = stubText(parts, {
    ...{ nonce, timeout: 0, grace: 0, silence: 0, piece: keptPieceBytes },
    ...claimSettings({ ...claim, waitMs: 0 }),
    ...(launch && { run: launch.run, bytes: launch.bytes, seconds: Math.ceil(launch.limitMs / 1000) }),
  });
  const from = `set -- ${stdout.piece} ${stdout.offset} ${stderr.piece} ${stderr.offset}\n`;
  return { ok: true, execLine, stdin: Buffer.from(head + from + tail, 'latin1') };
}

/** The longest time from `started`, or a `step`, to the next of these or to `ended`: one try, its grace, and a pause. */
export function longestStepMs(
  options: Pick<StubOptions, 'timeoutMs' | 'killGraceMs' | 'retries' | 'steps'>,
): number {
  const { timeoutMs, killGraceMs = defaultKillGraceMs, retries = 0, steps } = options;
  return timeoutMs + killGraceMs + Math.max(retries > 0 ? pauseMs : 0, steps?.health?.intervalMs ?? 0);
}

function wordsOf(command: StubCommand): readonly (Uint8Array | string)[] {
  switch (command.kind) {
    case 'argv':
      return command.argv;
    case 'shell':
      return ['/bin/sh', '-c', command.script];
    case 'script':
      return command.args;
  }
}

type Refused = RenderedStub & { ok: false };

function commonFault(
  nonce: string,
  durations: readonly (readonly [name: string, value: number, least: number])[],
): Refused | undefined {
  if (!isNonce(nonce)) return refuse('nonce-invalid', 'The nonce must be 16 to 64 letters and digits.');
  for (const [name, value, least] of durations) {
    const fault = durationFault(name, value, least);
    if (fault) return fault;
  }
  return undefined;
}

function durationFault(name: string, value: number, least: number): Refused | undefined {
  if (Number.isInteger(value) && value >= least && value <= maximumMs) return undefined;
  return refuse(
    'duration-invalid',
    `The ${name} is ${value} ms: give a whole number from ${least} to ${maximumMs}.`,
  );
}

function lastingFault(lastingMs: number, claim: StubClaim | undefined): Refused | undefined {
  if (claim) return durationFault('time without a connection', lastingMs, 1000);
  return refuse(
    'claim-invalid',
    'A command that outlives its connection needs a claim: it is found by that.',
  );
}

function retriesFault(what: string, retries: number): Refused | undefined {
  if (Number.isInteger(retries) && retries >= 0 && retries <= maximumRetries) return undefined;
  return refuse('retries-invalid', `The number of ${what} is ${retries}: give 0 to ${maximumRetries}.`);
}

function stepsFault({ pre, post, health }: StubSteps): Refused | undefined {
  for (const [name, script] of Object.entries({ pre, post, health: health?.script })) {
    if (script?.includes('\0') !== true) continue;
    return refuse(
      'steps-invalid',
      `The ${name} command holds a NUL character, which no command line can: remove it.`,
    );
  }
  return (
    health &&
    (retriesFault('health checks', health.retries) ?? durationFault('health interval', health.intervalMs, 0))
  );
}

/** Puts the parts in that the steps need, and what these are told. */
function addSteps(
  { prehooks, pre, post, posthooks, health }: StubSteps,
  parts: Set<StubPart>,
  settings: StubSettings,
): void {
  if (prehooks === true) parts.add('prehooks');
  if (posthooks === true) parts.add('posthooks');
  if (prehooks === true || posthooks === true) parts.add('hooks');
  if (pre !== undefined) {
    parts.add('pre');
    settings.pre = quotedText(pre);
  }
  if (post !== undefined) {
    parts.add('post');
    settings.post = quotedText(post);
  }
  if (health !== undefined) {
    parts.add('health');
    const { script, retries, intervalMs } = health;
    Object.assign(settings, { health: quotedText(script), checks: retries, interval: intervalMs });
  }
  if (stepParts.some((part) => parts.has(part))) parts.add('steps');
}

const stepParts = ['retries', 'hooks', 'pre', 'post', 'health'] as const;

function claimRefusal(claim: StubClaim): Refused | undefined {
  const fault = claimFault(claim);
  return fault === undefined ? undefined : refuse('claim-invalid', `The claim's ${fault}.`);
}

const lineFeed = Buffer.from('\n');
const space = Buffer.from(' ');

/** `bytes` as one shell word: between single quotes, each single quote as `'\''`. */
function quote(bytes: Uint8Array): Buffer {
  return Buffer.from(`'${Buffer.from(bytes).toString('latin1').replaceAll("'", "'\\''")}'`, 'latin1');
}

/** The same of a text, as it stands in a text that is written in latin1. */
function quotedText(text: string): string {
  return quote(Buffer.from(text, 'utf8')).toString('latin1');
}

function refuse(code: StubRefusal, message: string): Refused {
  return { ok: false, code, message };
}
