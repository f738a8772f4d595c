/**
 * Acts out, on one exec channel, the host's side of a run: takes the stub's text, and writes the frames that the text
 * would write, without a shell.
 *
 * It is a fake. A shell per host costs several times what the rest of a login costs, and ten thousand of them would
 * measure this machine's fork rather than the cluster; what the stub does on a real host is shown by the stub's own
 * tests and by those on real sshd. It has no lock (claims of two attempts don't exclude each other), no fences,
 * attachments, retries or sudo. A text that asks for these, or that it can't read, ends the channel with status 127 and
 * a word of why, so that a change of the stub is noticed.
 *
 * 1. A command begins once its text has arrived whole, and is counted before its first frame leaves.
 * 2. Output comes before the end frames, and waits for the client (back-pressure).
 * 3. It ends when told to, when its time is over, and when the channel is gone.
 * 4. An end that nobody acknowledged is left behind, for who asks later, as with a real claim (consistency.md E4).
 */
import type { Writable } from 'node:stream';
import type { ServerChannel } from 'ssh2';
import { type Clock, delay } from '@pogo/lifecycle';
import { channelOutput } from './channel-output.js';
import { type ScriptedClaim, type ScriptedText, readScriptedText } from './scripted-hosts-text.js';

/** A command that has arrived on a host. */
export interface ScriptedCommand {
  address: string;
  /** As in `POGO_JOB_ID`. */
  job: string;
  attempt: number;
  /** Program and arguments; a shell string is the third word behind `/bin/sh -c`. */
  words: readonly string[];
}

/** What it does, in this order. */
export interface ScriptedAct {
  /** Begins, and does nothing until this resolves. */
  gate?: Promise<unknown>;
  /** Written at once, as far as the client takes it; see {@link scriptedOutput}. */
  stdoutBytes?: number;
  stderrBytes?: number;
  /** How long it goes on after that, in milliseconds. */
  runMs?: number;
  /** Meanwhile, as often as this, some bytes more on stdout. */
  tick?: { everyMs: number; bytes: number };
  /** 0 by default. */
  exitCode?: number;
  /** Instead of an end of its own: it runs until it is told to end, or resets its connection. */
  end?: 'hang' | 'reset';
}

/** What an attempt left on its host: the payload of its end frame. */
export interface LeftOutcome extends ScriptedClaim {
  end: string;
}

export interface ScriptedStubOptions {
  channel: ServerChannel;
  commandLine: string;
  address: string;
  clock: Clock;
  act: (command: ScriptedCommand) => ScriptedAct;
  begun: (command: ScriptedCommand) => void;
  /** Resets the connection. */
  reset: () => void;
  /** What attempts have left on this host: looked at, added to and removed from. */
  left: Set<LeftOutcome>;
}

/** Why it ends before its time: the numbers of the stub's causes. */
const causes = { timeout: 1, terminate: 2, kill: 3, closed: 4 } as const;
type Cause = keyof typeof causes;

/** How long an end waits to be acknowledged. */
const acknowledgeMs = 30_000;
const blockBytes = 64 * 1024;
const line = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.\n';
const block = Buffer.from(line.repeat(blockBytes / line.length));

/** What an act writes: lines of 64 bytes, cut where `bytes` end. */
export function scriptedOutput(bytes: number): Buffer {
  const whole = Math.ceil(bytes / blockBytes);
  return Buffer.concat(Array.from({ length: whole }, () => block)).subarray(0, bytes);
}

export class ScriptedStub {
  readonly #options: ScriptedStubOptions;
  readonly #stdout: Writable;
  readonly #stderr: Writable;
  readonly #finish: () => Promise<void>;
  readonly #over = new AbortController();
  readonly #told: Promise<void>;
  /** Nothing more is to be waited for behind the end: it is acknowledged, or nobody is there to do that. */
  readonly #leaving = new AbortController();
  #acknowledged = false;
  #text = '';
  #running = false;
  #cause: Cause | undefined;
  #gone = false;

  constructor(options: ScriptedStubOptions) {
    this.#options = options;
    const { channel } = options;
    this.#told = aborted(this.#over.signal);
    const output = channelOutput(channel);
    this.#stdout = output.stdout;
    this.#stderr = output.stderr;
    this.#finish = () => output.end();
    channel.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')));
    channel.on('error', () => undefined);
    channel.on('end', () => this.#stop('closed'));
    channel.on('close', () => {
      this.#gone = true;
      this.#stop('closed');
    });
  }

  #take(text: string): void {
    this.#text += text;
    if (!this.#running) {
      const read = readScriptedText(this.#text);
      if (read.kind === 'unfinished') return;
      this.#running = true;
      this.#text = '';
      if (read.kind === 'unreadable') void this.#refuse(read.reason);
      else if (!/^exec \/bin\/sh -s/.test(this.#options.commandLine))
        void this.#refuse('it has only /bin/sh -s');
      else if (read.text.kind === 'probe') void this.#answer(read.text);
      else void this.#run(read.text);
      return;
    }
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const control = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (control === 't') this.#stop('terminate');
      else if (control === 'k') this.#stop('kill');
      else if (control === 'a') {
        this.#acknowledged = true;
        this.#leaving.abort();
      }
    }
  }

  #stop(cause: Cause): void {
    this.#cause ??= cause;
    this.#over.abort();
    if (cause === 'closed') this.#leaving.abort();
  }

  async #refuse(reason: string): Promise<void> {
    await write(this.#stderr, Buffer.from(`scripted host: ${reason}\n`));
    this.#options.channel.exit(127);
    await this.#finish();
  }

  /** What became of an attempt: none of them lives longer than its connection. */
  async #answer({
    nonce,
    claim: { key, index, job, attempt },
  }: ScriptedText & { kind: 'probe' }): Promise<void> {
    const frame = frames(nonce);
    this.#stdout.write(frame('b'));
    const found = [...this.#options.left].filter(
      (each) => each.key === key && each.index === index && each.job === job && each.attempt === attempt,
    );
    for (const each of found) this.#stdout.write(frame(recordOf(each)));
    if (found.length === 0) this.#stdout.write(frame(`n ${index} ${job} ${attempt} 1000000`));
    this.#stdout.write(frame('q'));
    await this.#leave(found);
  }

  async #run(text: ScriptedText & { kind: 'run' }): Promise<void> {
    const { address, act, begun, reset, clock, left } = this.#options;
    const { claim } = text;
    const job = text.environment.get('POGO_JOB_ID') ?? '';
    const attempt = Number(text.environment.get('POGO_ATTEMPT'));
    const command: ScriptedCommand = { address, job, attempt, words: text.words };
    begun(command);
    const acting = act(command);
    const frame = frames(text.nonce);
    const found = [...left].filter(({ key, index }) => key === claim?.key && index <= claim.index);
    const started = `4711 1${claim === undefined ? '' : ' 1'}`;
    this.#stderr.write(frame('b'));
    this.#stdout.write(frame(found.length === 0 ? `b ${started}` : 'b'));
    for (const each of found) this.#stdout.write(frame(recordOf(each)));
    if (found.length > 0) this.#stdout.write(frame(`s ${started}`));
    const limit = clock.setTimer(text.timeoutMs, () => this.#stop('timeout'));
    await this.#act(acting);
    limit.cancel();
    const mine: LeftOutcome | undefined = claim && { ...claim, end: this.#endFrame(acting) };
    if (mine !== undefined) left.add(mine);
    if (this.#gone) return;
    if (acting.end === 'reset' && this.#cause === undefined) {
      // The shell of a real host would hear of it, and end the command.
      if (mine !== undefined) mine.end = endOf(143, 'closed');
      reset();
      return;
    }
    this.#stdout.write(frame(mine?.end ?? this.#endFrame(acting)));
    this.#stderr.write(frame('e'));
    await this.#leave(mine === undefined ? [] : [...found, mine]);
  }

  /** Waits for the acknowledgement of what was told, if it was told of anything, and ends the channel. */
  async #leave(told: readonly LeftOutcome[]): Promise<void> {
    const { clock, channel, left } = this.#options;
    if (told.length > 0) await delay(clock, acknowledgeMs, this.#leaving.signal);
    if (this.#acknowledged) for (const each of told) left.delete(each);
    if (this.#gone) return;
    channel.exit(0);
    await this.#finish();
  }

  #endFrame({ exitCode = 0 }: ScriptedAct): string {
    if (this.#cause === undefined) return `e ${exitCode} 0 0 12 `;
    return endOf(this.#cause === 'kill' ? 137 : 143, this.#cause);
  }

  async #act({ gate, stdoutBytes = 0, stderrBytes = 0, runMs = 0, tick, end }: ScriptedAct): Promise<void> {
    const { signal } = this.#over;
    if (gate !== undefined) await Promise.race([gate, this.#told]);
    await Promise.all([this.#pour(this.#stdout, stdoutBytes), this.#pour(this.#stderr, stderrBytes)]);
    if (end === 'hang') await this.#told;
    let leftMs = runMs;
    while (leftMs > 0 && !signal.aborted) {
      const stepMs = Math.min(leftMs, tick?.everyMs ?? leftMs);
      await delay(this.#options.clock, stepMs, signal);
      leftMs -= stepMs;
      if (tick !== undefined && !signal.aborted) await this.#pour(this.#stdout, tick.bytes);
    }
  }

  async #pour(stream: Writable, bytes: number): Promise<void> {
    for (let left = bytes; left > 0 && !this.#over.signal.aborted; left -= blockBytes) {
      // A channel that has gone takes nothing more, and says nothing either.
      await Promise.race([write(stream, block.subarray(0, left)), this.#told]);
    }
  }
}

function endOf(status: number, cause: Cause): string {
  return `e ${status} ${causes[cause]} 0 12 ${cause === 'kill' ? 'Killed' : 'Terminated'}`;
}

/** Index, job, attempt and day; process id and birth of the command; how it ended. */
function recordOf({ index, job, attempt, end }: LeftOutcome): string {
  return `o ${index} ${job} ${attempt} 20000/4711 1/${end.replace(/^e /, '')}`;
}

function frames(nonce: string): (payload: string) => Buffer {
  return (payload) => Buffer.from(`\x1epogo-${nonce} ${payload}\n`, 'latin1');
}

function write(stream: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => stream.write(bytes, () => resolve()));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
