/**
 * Renders the stub for one run: a short command line for the exec channel, and the text for its stdin.
 *
 * - The command line means the same to every login shell (bash, dash, zsh, ksh, fish, tcsh) and takes its place.
 * - The shell reads the text from stdin itself: no `head`, whose start costs more than the reading.
 * - Every byte of an argument stands inside single quotes, where no shell reads anything but the next single quote.
 */
import { isNonce } from './marker.js';
import { stubText } from './stub-text.js';

/** What to run: an argument vector as it is (bytes, or strings in UTF-8), or a string for `/bin/sh -c`. */
export type StubCommand =
  { kind: 'argv'; argv: readonly (Uint8Array | string)[] } | { kind: 'shell'; script: string };

export interface StubOptions {
  /** Marks the frames of this run; 16 to 64 letters and digits that nobody on the host can guess. */
  nonce: string;
  command: StubCommand;
  /** Exported to the command. Names begin with `POGO_`. */
  environment: Readonly<Record<string, string>>;
  /** After this the command is ended, and reported as timed out. 1 ms to 24 days. */
  timeoutMs: number;
  /** Between TERM and KILL, on timeout and terminate. Default 5000; 0 means KILL at once. */
  killGraceMs?: number;
  /** The longest time without a heartbeat. Default 30,000. See `heartbeatIntervalMs`. */
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
  | 'duration-invalid';

const execLine = 'exec /bin/sh -s';

/** The text counts in 32-bit milliseconds, for shells that have no wider numbers. */
const maximumMs = 2 ** 31 - 1;

const environmentName = /^POGO_[A-Z0-9_]+$/;

export function renderStub(options: StubOptions): RenderedStub {
  const { nonce, command, environment, timeoutMs, killGraceMs = 5000, silenceMs = 30_000 } = options;
  if (!isNonce(nonce)) {
    return refuse('nonce-invalid', 'The nonce must be 16 to 64 letters and digits.');
  }
  for (const [name, value, least] of [
    ['timeout', timeoutMs, 1],
    ['kill grace', killGraceMs, 0],
    ['silence limit', silenceMs, 3],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > maximumMs) {
      return refuse(
        'duration-invalid',
        `The ${name} is ${value} ms: give a whole number from ${least} to ${maximumMs}.`,
      );
    }
  }
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
  const argv =
    command.kind === 'argv'
      ? command.argv.map((argument) =>
          typeof argument === 'string' ? Buffer.from(argument, 'utf8') : argument,
        )
      : ['/bin/sh', '-c', command.script].map((argument) => Buffer.from(argument, 'utf8'));
  const [program] = argv;
  if (program === undefined) {
    return refuse('argv-empty', 'The command has no words: name the program to run.');
  }
  const withNul = argv.findIndex((argument) => argument.includes(0));
  if (withNul >= 0) {
    return refuse(
      'nul-in-command',
      command.kind === 'shell'
        ? 'The shell string holds a NUL character, which no command line can: remove it.'
        : `Word ${withNul + 1} of the command holds a NUL character, which no command line can: remove it.`,
    );
  }
  // `setsid -x` would take the program's name for an option of its own.
  const guard = program[0] === 0x2d ? ' --' : '';
  const { head, tail } = stubText({ nonce, timeoutMs, killGraceMs, silenceMs });
  const stdin = Buffer.concat([
    Buffer.from(head, 'latin1'),
    ...exports,
    Buffer.from(`set --${guard}`, 'latin1'),
    ...argv.flatMap((argument) => [space, quote(argument)]),
    lineFeed,
    Buffer.from(tail, 'latin1'),
  ]);
  return { ok: true, execLine, stdin };
}

const lineFeed = Buffer.from('\n');
const space = Buffer.from(' ');

/** `bytes` as one shell word: between single quotes, each single quote as `'\''`. */
function quote(bytes: Uint8Array): Buffer {
  return Buffer.from(`'${Buffer.from(bytes).toString('latin1').replaceAll("'", "'\\''")}'`, 'latin1');
}

function refuse(code: StubRefusal, message: string): RenderedStub {
  return { ok: false, code, message };
}
