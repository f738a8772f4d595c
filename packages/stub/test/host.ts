/**
 * Runs the stub on this machine over the wire that it has on a host: a login shell with the command line, text and control lines
 * on stdin, two streams back. Like sshd, it closes the stub's stdin once its main process has exited.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type EndedEvent,
  type ProtocolErrorEvent,
  type SettleOptions,
  type SettledEvent,
  type StubClaim,
  type StubCommand,
  type StubEvent,
  type StubOptions,
  createStubParser,
  encodeAcknowledge,
  renderSettle,
  renderStub,
} from '@pogo/stub';

/** How a shell is started so that it reads the stub's text. */
export interface Launch {
  name: string;
  file: string;
  argv0: string;
  arguments: string[];
  /** A line ahead of the stub's text, to stage an odd host. */
  prelude?: string;
}

const debianPackages: Record<string, string> = {
  ksh93: 'ksh93u+m',
  unshare: 'util-linux',
  strace: 'strace',
  setsid: 'util-linux',
};

/** The path of a program that a test can't do without. */
export function program(name: string): string {
  for (const directory of (process.env['PATH'] ?? '').split(':')) {
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  throw new Error(`This test needs ${name}: apt-get install ${debianPackages[name] ?? name}`);
}

/** `name` in the place of /bin/sh, as the stub's interpreter; "plain" is dash made to take the plain mode. */
export function interpreter(name: string): Launch {
  if (name === 'plain') return { ...interpreter('dash'), name, prelude: 'KSH_VERSION=none\n' };
  return name === 'busybox'
    ? { name, file: program(name), argv0: 'busybox', arguments: ['sh', '-s'] }
    : { name, file: program(name), argv0: 'sh', arguments: ['-s'] };
}

/** `name` as the account's login shell, which sshd gives the command line. */
export function loginShell(name: string): Launch {
  const rendered = renderStub({
    nonce: 'aaaaaaaaaaaaaaaa',
    command: argv('true'),
    environment: {},
    timeoutMs: 1,
  });
  if (!rendered.ok) throw new Error(rendered.message);
  return { name, file: program(name), argv0: name, arguments: ['-c', rendered.execLine] };
}

/** Interpreters that tell a death by signal from an exit status. */
export const tellingInterpreters = ['dash', 'bash', 'busybox', 'ksh93'];
export const interpreters = [...tellingInterpreters, 'plain'];
/** With a claim, also those that are hardly ever /bin/sh. */
export const claimInterpreters = [...interpreters, 'mksh', 'zsh'];
export const loginShells = ['bash', 'dash', 'zsh', 'ksh93', 'fish', 'tcsh'];

export function argv(...words: (string | Uint8Array)[]): StubCommand {
  return { kind: 'argv', argv: words };
}

export function shell(script: string): StubCommand {
  return { kind: 'shell', script };
}

/** A key of its own for each test, so that they don't hold each other up where they share a place. */
export function newLockKey(): string {
  return randomBytes(8).toString('hex');
}

export function claimOf(lockKey: string, overrides: Partial<StubClaim> = {}): StubClaim {
  return { lockKey, index: 7, job: 12, attempt: 1, nowMs: Date.UTC(2026, 6, 1), ...overrides };
}

const homes: string[] = [];

/** A home directory, which `sweep` removes. */
export function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'pogo stub home-'));
  homes.push(home);
  return home;
}

/** A directory whose name any shell takes as it is; `sweep` removes it. */
export function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pogo-stub-'));
  homes.push(directory);
  return directory;
}

/** A wrapper that runs `script` (bash) ahead of the launch. */
export function after(launch: Launch, script: string): string[] {
  return [program('bash'), '-c', `set -e\n${script}\nexec -a "$0" "$@"`, launch.argv0];
}

/** The same with mounts of its own. */
export function withMounts(launch: Launch, script: string): string[] {
  return [program('unshare'), '--user', '--map-root-user', '--mount', ...after(launch, script)];
}

export interface Rewrite {
  from: string | RegExp;
  to: string;
}

export interface HostRunOptions extends Partial<Omit<StubOptions, 'command'>> {
  command?: StubCommand;
  /** A probe instead of a run. */
  settle?: Omit<SettleOptions, 'nonce'>;
  /** The account's home; without it the one of this process, which a run without a claim never touches. */
  home?: string;
  /** False: what was reported is not acknowledged. */
  acknowledge?: boolean;
  /** Bytes of the script, in the pieces in which they are written. */
  upload?: readonly Uint8Array[];
  launch?: Launch;
  /** A line for the shell ahead of the stub's text, to stage an odd host. */
  prelude?: string;
  /** Replaces a part of the stub's text, to stage an odd host. */
  rewrite?: Rewrite | readonly Rewrite[];
  environmentOfHost?: NodeJS.ProcessEnv;
  /** Ahead of the launch: strace and the like. */
  wrapper?: string[];
  onEvent?: (event: StubEvent, run: HostRun) => void;
  /** False: output is only passed to `onEvent`. */
  keep?: boolean;
}

export interface HostRunResult {
  events: StubEvent[];
  stdout: Buffer;
  stderr: Buffer;
  noise: { stdout: Buffer; stderr: Buffer };
  ended: EndedEvent | undefined;
  protocolError: ProtocolErrorEvent | undefined;
  settled: SettledEvent[];
  /** Processes of the run that live on, found at the moment when the stub's main process had exited and both streams had closed. */
  leftBehind: string[];
}

const marks = new Set<string>();

/** One run in progress. */
export class HostRun {
  readonly child: ChildProcessWithoutNullStreams;
  readonly result: Promise<HostRunResult>;
  readonly #mark = randomBytes(8).toString('hex');

  constructor(options: HostRunOptions) {
    const {
      launch = interpreter('dash'),
      wrapper = [],
      prelude = launch.prelude ?? '',
      command,
      onEvent,
    } = options;
    const nonce = randomBytes(16).toString('hex');
    const rendered = options.settle
      ? renderSettle({ nonce, ...options.settle })
      : renderStub({
          nonce,
          environment: {},
          timeoutMs: 60_000,
          ...options,
          command: command ?? argv('true'),
        });
    if (!rendered.ok) throw new Error(`${rendered.code}: ${rendered.message}`);
    marks.add(this.#mark);
    const [file = launch.file, ...before] = wrapper;
    this.child = spawn(file, [...before, ...(wrapper.length > 0 ? [launch.file] : []), ...launch.arguments], {
      ...(wrapper.length === 0 && { argv0: launch.argv0 }),
      env: {
        ...process.env,
        ...(options.home !== undefined && { HOME: options.home }),
        ...options.environmentOfHost,
        POGO_TEST_RUN: this.#mark,
      },
      stdio: 'pipe',
    });
    const { child } = this;
    const parser = createStubParser({ nonce });
    const events: StubEvent[] = [];
    const take = (some: StubEvent[]) => {
      for (const event of some) {
        if (options.keep !== false || (event.kind !== 'stdout' && event.kind !== 'stderr')) {
          events.push(event);
        }
        onEvent?.(event, this);
        const reported = event.kind === 'ended' || (event.kind === 'settled' && options.settle);
        if (reported && options.acknowledge !== false) this.send(encodeAcknowledge());
        if (event.kind === 'send') for (const piece of options.upload ?? []) child.stdin.write(piece);
      }
    };
    child.stdin.on('error', () => {
      // The stub may be gone before its stdin has been written.
    });
    child.stdin.write(prelude);
    child.stdin.write(rewritten(rendered.stdin, options.rewrite));
    child.stdout.on('data', (chunk: Buffer) => take(parser.stdout(chunk)));
    child.stderr.on('data', (chunk: Buffer) => take(parser.stderr(chunk)));
    child.on('exit', () => child.stdin.end());
    this.result = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', () => {
        take(parser.finish());
        const collect = (kind: 'stdout' | 'stderr') =>
          Buffer.concat(events.flatMap((event) => (event.kind === kind ? [event.bytes] : [])));
        const noise = (stream: 'stdout' | 'stderr') =>
          Buffer.concat(
            events.flatMap((event) =>
              event.kind === 'noise' && event.stream === stream ? [event.bytes] : [],
            ),
          );
        resolve({
          events,
          stdout: collect('stdout'),
          stderr: collect('stderr'),
          noise: { stdout: noise('stdout'), stderr: noise('stderr') },
          ended: events.find((event) => event.kind === 'ended'),
          protocolError: events.find((event) => event.kind === 'protocol-error'),
          settled: events.filter((event) => event.kind === 'settled'),
          leftBehind: this.processes(),
        });
      });
    });
  }

  /** Writes a control line. */
  send(line: Uint8Array): void {
    this.child.stdin.write(line);
  }

  /** The living processes of this run: "pid command line". */
  processes(): string[] {
    return processesMarked((mark) => mark === this.#mark);
  }
}

/** The text of a stub with parts of it replaced. */
export function rewritten(text: Uint8Array, rewrite: HostRunOptions['rewrite']): Uint8Array {
  if (!rewrite) return text;
  let script = Buffer.from(text).toString('latin1');
  for (const { from, to } of [rewrite].flat()) {
    const before = script;
    script = script.replaceAll(from, to);
    if (script === before) throw new Error(`The stub's text does not hold ${from}`);
  }
  return Buffer.from(script, 'latin1');
}

/** Runs the stub to the end. */
export function runOnHost(options: HostRunOptions): Promise<HostRunResult> {
  return new HostRun(options).result;
}

/** A mark for the environment of processes that a test starts itself (`POGO_TEST_RUN`); `sweep` ends what has it. */
export function markProcesses(): { name: string; processes: () => string[] } {
  const name = randomBytes(8).toString('hex');
  marks.add(name);
  return { name, processes: () => processesMarked((mark) => mark === name) };
}

function processesMarked(wanted: (mark: string) => boolean): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const mark = /(?:^|\0)POGO_TEST_RUN=(\w+)/.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1];
      if (mark === undefined || !wanted(mark)) continue;
      found.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`);
    } catch {
      // It has ended since the directory was read.
    }
  }
  return found;
}

/** Everything of the run ends by KILL but those whose line `spare` matches: one such is waited for, up to 10 s. */
export function killAll(run: HostRun, spare?: RegExp): void {
  const deadline = Date.now() + 10_000;
  // Its parent may have gone on before it has become what the line says.
  while (spare && !run.processes().some((line) => spare.test(line))) {
    if (Date.now() > deadline) throw new Error(`no process of the run is ${String(spare)}`);
  }
  let lines: string[];
  do {
    lines = run.processes().filter((line) => !spare?.test(line));
    for (const line of lines) {
      try {
        process.kill(Number(line.split(' ', 1)[0]), 'SIGKILL');
      } catch {
        // It has ended since.
      }
    }
  } while (lines.length > 0);
}

/** Ends what a failed test left behind, of this file's runs only. */
export function sweep(): void {
  for (const line of processesMarked((mark) => marks.has(mark))) {
    try {
      process.kill(Number(line.split(' ', 1)[0]), 'SIGKILL');
    } catch {
      // It has ended since.
    }
  }
  marks.clear();
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
}
