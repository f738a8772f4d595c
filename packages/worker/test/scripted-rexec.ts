/**
 * A rexec that acts out what it is told, for tests of the worker: a real process that speaks the real pipe. The job's
 * command is `['script', JSON]`: what each host index does, `*` for the others.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { Socket } from 'node:net';
import { type Outcome } from '@pogo/core';
import { type AttemptReport, productVersion, type RexecOrder } from '@pogo/protocol';
import { PipeFrames } from '@pogo/wire';

export type Act =
  /** Authenticates, starts, says hello, exits 0. */
  | 'ok'
  /** Authenticates, starts, and goes on until SIGUSR2 comes, or a halt with kill. */
  | 'hold'
  /** Never gets beyond the handshake. */
  | 'dial'
  /** Is not reached, and waits until it is dialled again. */
  | 'dial-again'
  /** Refuses at a halt what it holds: never dialled. */
  | 'wait'
  | 'die'
  | 'exit-3'
  /** Does nothing, and doesn't exit when told to. */
  | 'ignore'
  /** As `hold`, and doesn't end with its worker. */
  | 'outlive'
  | 'garbage'
  | 'accept-key'
  | 'password-refused'
  /** Prints what it can see of its surroundings. */
  | 'surroundings'
  | { exit: number }
  /** Writes `job host attempt` into a file first, as a command that leaves a trace. */
  | { trace: string; then: 'ok' | 'hold' }
  /** Says that this many bytes of its output were not kept. */
  | { cut: number }
  | { flood: number; first?: string };

/** What a host says when it is asked what became of an attempt; `silent` is no answer, `late` one after SIGUSR2. */
export type Evidence = 'ok' | 'exit-3' | 'none' | 'silent' | 'late';

/** By host, `*` for the others; `settle HOST` when it is asked afterwards, where `none` is the rule. */
export type Script = Record<string, Act | Evidence>;

/** Descriptor 3 says nothing of this: orders that the test wants to see are written here, one JSON a line. */
const ordersFile = process.env['SCRIPTED_ORDERS'];
const held = new Map<number, AttemptReport & { event: 'started' }>();
const waiting = new Map<number, { job: number; host: number; attempt: number }>();
let script: Script = {};
const late: (() => void)[] = [];
let job = 0;
let ignoring = false;
let closing = false;
let outliving = false;
let killed = false;

const frames = new PipeFrames(new Socket({ fd: 3, readable: true, writable: true }), {
  json: (value) => obey(value as RexecOrder),
  output: () => undefined,
  closed: () => {
    if (!outliving) process.exit(0);
    setInterval(() => undefined, 1000);
  },
});
frames.sendJson({ type: 'ready', version: productVersion, pid: process.pid });

process.on('SIGUSR2', () => {
  for (const [host, { attempt }] of held) finish(host, attempt, { state: 'succeeded', exitCode: 0 });
  held.clear();
  for (const answer of late.splice(0)) answer();
  endIfDone();
});

function obey(order: RexecOrder): void {
  if (ordersFile !== undefined && ordersFile !== '')
    appendFileSync(ordersFile, `${JSON.stringify({ pid: process.pid, ...order })}\n`);
  switch (order.type) {
    case 'open': {
      job = order.job;
      const { command } = order.spec;
      script = JSON.parse((command.kind === 'argv' && command.argv[1]) || '{}') as typeof script;
      break;
    }
    case 'run':
      for (const { host, attempt } of order.attempts) void act(host, attempt);
      break;
    case 'settle':
      for (const { host, attempt } of order.attempts) settle(host, attempt);
      break;
    case 'recorded':
      break;
    case 'halt':
      frames.sendJson({
        type: 'report',
        reports: [...waiting.values()].map((attempt) => ({
          ...attempt,
          event: 'refused',
          reason: 'not dialled',
        })),
      });
      waiting.clear();
      if (!order.kill) break;
      killed = true;
      for (const [host, { attempt }] of held) finish(host, attempt, { state: 'killed', reason: 'halt-kill' });
      held.clear();
      break;
    case 'close':
      closing = true;
      endIfDone();
      break;
  }
}

function settle(host: number, attempt: number): void {
  const doing = script[`settle ${host}`] ?? script['settle *'] ?? 'none';
  if (doing === 'silent') return;
  if (doing === 'late') {
    late.push(() => finish(host, attempt, { state: 'succeeded', exitCode: 0 }));
    return;
  }
  frames.sendJson({ type: 'authenticated', host });
  if (doing === 'ok') return finish(host, attempt, { state: 'succeeded', exitCode: 0 });
  if (doing === 'exit-3') {
    return finish(host, attempt, { state: 'failed', reason: 'exit-nonzero', exitCode: 3 });
  }
  const detail = 'the host knows nothing of it';
  frames.sendJson({ type: 'report', reports: [{ event: 'unsettled', job, host, attempt, detail }] });
}

async function act(host: number, attempt: number): Promise<void> {
  const doing = script[host] ?? script['*'] ?? 'ok';
  if (doing === 'die') process.kill(process.pid, 'SIGKILL');
  if (doing === 'exit-3') process.exit(3);
  if (doing === 'garbage') return void frames.sendJson({ type: 'nonsense' });
  if (doing === 'dial') return;
  if (doing === 'dial-again') {
    frames.sendJson({ type: 'waiting', host });
    waiting.set(host, { job, host, attempt });
    return;
  }
  if (doing === 'wait') return void waiting.set(host, { job, host, attempt });
  if (doing === 'ignore') return void (ignoring = true);
  if (doing === 'outlive') outliving = true;
  if (doing === 'password-refused') {
    frames.sendJson({ type: 'password-refused' });
    finish(host, attempt, { state: 'auth-failed', reason: 'password-refused' });
    return;
  }
  if (doing === 'accept-key') {
    frames.sendJson({
      type: 'host-key-accepted',
      host: `host${host}`,
      port: host === 0 ? 22 : 2200,
      key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQ=',
      fingerprint: 'SHA256:abc',
    });
  }
  frames.sendJson({ type: 'authenticated', host });
  const started = { event: 'started', job, host, attempt } as const;
  frames.sendJson({ type: 'report', reports: [started] });
  if (doing === 'hold' || doing === 'outlive') return void held.set(host, started);
  if (typeof doing === 'object' && 'trace' in doing) {
    appendFileSync(doing.trace, `${job} ${host} ${attempt}\n`);
    if (doing.then === 'hold') return void held.set(host, started);
    return finish(host, attempt, { state: 'succeeded', exitCode: 0 });
  }
  if (typeof doing === 'object' && 'exit' in doing) {
    finish(host, attempt, { state: 'failed', reason: 'exit-nonzero', exitCode: doing.exit });
    return;
  }
  if (typeof doing === 'object' && 'cut' in doing) {
    await print(host, attempt, 0, Buffer.from(`hello ${host}\n`));
    frames.sendOutput({
      subscription: 0,
      kind: 'gap',
      host,
      attempt,
      offset: doing.cut,
      position: 0,
      data: Buffer.alloc(0),
    });
    return finish(host, attempt, { state: 'succeeded', exitCode: 0, outputCutBytes: doing.cut });
  }
  if (typeof doing === 'object') return flood(host, attempt, doing);
  const text = doing === 'surroundings' ? surroundings() : `hello ${host}\n`;
  await print(host, attempt, 0, Buffer.from(text));
  await print(host, attempt, 0, Buffer.from(`warning ${host}\n`), 'stderr');
  finish(host, attempt, { state: 'succeeded', exitCode: 0 });
}

/** As the real one: when what runs has ended. */
function endIfDone(): void {
  if (closing && !ignoring && held.size === 0) frames.end();
}

async function flood(
  host: number,
  attempt: number,
  { flood, first }: { flood: number; first?: string },
): Promise<void> {
  let offset = 0;
  const hash = createHash('sha256');
  for (let number = 0; offset < flood && !killed; number++) {
    const data = Buffer.alloc(Math.min(60_000, flood - offset), number % 251);
    if (number === 0 && first !== undefined) data.write(first);
    hash.update(data);
    await print(host, attempt, offset, data);
    offset += data.length;
  }
  const stdout = { bytes: offset, sha256: hash.digest('hex') };
  finish(host, attempt, { state: 'succeeded', exitCode: 0, stdout });
}

async function print(
  host: number,
  attempt: number,
  offset: number,
  data: Buffer,
  kind: 'stdout' | 'stderr' = 'stdout',
): Promise<void> {
  const taken = frames.sendOutput({ subscription: 0, kind, host, attempt, offset, position: 0, data });
  if (!taken) await frames.drained();
}

function finish(host: number, attempt: number, outcome: Outcome): void {
  frames.sendJson({ type: 'report', reports: [{ event: 'finished', job, host, attempt, outcome }] });
}

function surroundings(): string {
  const coreLimit = execFileSync('/bin/sh', ['-c', 'ulimit -c']).toString().trim();
  return JSON.stringify({ environment: process.env, coreLimit, arguments: process.argv.slice(2) });
}
