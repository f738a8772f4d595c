/**
 * One command on one host, from the shell to its outcome: feeds the stub, uploads the script, relays output, keeps it
 * alive, and ends it when told to.
 *
 * 1. `failed`, `succeeded`, `timed-out` and `killed` need the stub's own word; a kill that it didn't confirm, a broken
 *    connection, or silence after the command was handed over is `unknown` (consistency.md E1).
 * 2. A command that was never handed over whole, or whose shell ended without the stub's first word, never began.
 * 3. Nothing is written to the stub before it is ready but its text, and nothing but the script before it has that: a line
 *    that crosses its `send` would become a part of the script.
 * 4. Whatever the host does, `ended` resolves: each phase has a limit.
 */
import type { Outcome, ReasonCode } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import {
  createStubParser,
  encodeAcknowledge,
  encodeHeartbeat,
  encodeTerminate,
  type RenderedStub,
  type SettledEvent,
  type StubEvent,
  type StubParser,
} from '@pogo/stub';
import { escapeHostText } from './escape-text.js';
import { haltedBefore, type OpenShell, shellUnusable } from './host-shell.js';
import type { OutputKeeper } from './output-keeper.js';
import { outcomeOfEnd } from './outcome-of-end.js';
import { uploadScript } from './script-upload.js';
import type { ChannelEnd, ExecChannel, ExecHandlers } from './transport/transport.js';

/** How long the host gets beyond the stub's own limits before it is given up. */
const backstopMs = 30_000;

export interface CommandRunOptions {
  readonly openShell: OpenShell;
  readonly clock: Clock;
  readonly output: OutputKeeper;
  /** `user@host:port`, for messages. */
  readonly shown: string;
  readonly nonce: string;
  /** The stub for the command as it is, or as it goes through sudo by itself. */
  readonly render: (commandOnly?: readonly (Uint8Array | string)[]) => RenderedStub;
  readonly runAs: string | undefined;
  /** Where the job has a script: its file on the worker. */
  readonly script: { readonly file: string; readonly bytes: number } | undefined;
  /** From the handing over to the stub's first word. */
  readonly startMs: number;
  /** How long the stub waits for another attempt to be over. */
  readonly lockMs: number;
  /** The longest time for which the stub may hear nothing. */
  readonly silenceMs: number;
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  /** From the start of a step, or of a further try, to the next or to the end, at the longest. */
  readonly longestStepMs: number;
  /** The channel outlives connections: at the end the host wants to hear that nothing of it is wanted any more. */
  readonly lasts: boolean;
  readonly onStarted: () => void;
  /** What an earlier attempt had left on the host. */
  readonly onSettled: (event: SettledEvent) => void;
}

/** How an attempt ended on this connection. */
export interface CommandEnd {
  readonly outcome: Outcome;
  /** The command may have begun, and the host may still know what became of it: worth asking. */
  readonly askAgain: boolean;
  /** The stub has said that it began the command. */
  readonly started: boolean;
  /** The stub waits to hear that its word was recorded. */
  readonly wantsAcknowledge: boolean;
}

/** `script-wanted`: ready, and the script is the next that it may hear. */
type Phase = 'opening' | 'handed-over' | 'script-wanted' | 'uploading' | 'ready' | 'started' | 'over';

export class CommandRun {
  /** Resolves once, when the attempt is over on this connection. */
  readonly ended: Promise<CommandEnd>;
  /** Resolves once the channel is over: the stub has left, or the connection is gone. */
  readonly closed: Promise<void>;
  readonly #options: CommandRunOptions;
  readonly #parser: StubParser;
  readonly #opening = new AbortController();
  readonly #uploading = new AbortController();
  #resolve: (end: CommandEnd) => void = () => {};
  #markClosed: () => void = () => {};
  #phase: Phase = 'opening';
  #channel: ExecChannel | undefined;
  #commandOnlyAs: string | undefined;
  #paused = false;
  #terminate = false;
  #handedScript = false;
  #noise = '';
  #limit: Timer | undefined;
  /** Nobody is connected: the host alone keeps the time (T2). */
  #isDetached = false;
  /** Somebody else had handed the command over, with its script. */
  #isFollower = false;

  constructor(options: CommandRunOptions) {
    this.#options = options;
    this.#parser = createStubParser({ nonce: options.nonce });
    this.ended = new Promise((resolve) => (this.#resolve = resolve));
    this.closed = new Promise((resolve) => (this.#markClosed = resolve));
  }

  /** Opens the shell and hands the command over. */
  async start(): Promise<void> {
    const { openShell, render, shown, startMs, runAs } = this.#options;
    let stub = render();
    if (!stub.ok) return this.#end(notRunnable(stub.message));
    const opened = await openShell({
      shellLine: stub.execLine,
      signal: this.#opening.signal,
      handlers: this.#handlers(),
    });
    if (!opened.ok) return this.#end(opened.outcome);
    if (this.#phase === 'over') return;
    const { commandOnly } = opened;
    if (commandOnly !== undefined) stub = render(commandOnly);
    if (!stub.ok) return this.#end(notRunnable(stub.message));
    this.#commandOnlyAs = commandOnly === undefined ? undefined : runAs;
    this.#channel = opened.channel;
    this.#phase = 'handed-over';
    this.#setLimit(startMs, () =>
      this.#unknown('start-unconfirmed', `${shown} took the command but did not say that it began.`),
    );
    opened.channel.write(stub.stdin);
  }

  /** Goes on with a command that somebody else had handed over: its channel from the beginning on. */
  takeUp(channel: ExecChannel): ExecHandlers {
    this.#channel = channel;
    this.#phase = 'handed-over';
    this.#isFollower = true;
    return this.#handlers();
  }

  /** Due every third of the stub's silence limit. */
  heartbeat(): void {
    if (this.#phase !== 'ready' && this.#phase !== 'started') return;
    this.#channel?.write(encodeHeartbeat());
    // A line that comes while one step gives way to the next may be lost.
    if (this.#terminate) this.#channel?.write(encodeTerminate());
  }

  /** Ends the command: TERM, then KILL after the grace. */
  terminate(): void {
    if (this.#terminate) return;
    this.#terminate = true;
    switch (this.#phase) {
      case 'ready':
      case 'started':
        return this.#sendTerminate();
      case 'uploading':
        // Once the host may have all of it, only `received` tells where to send this.
        if (!this.#handedScript) this.#uploading.abort();
        return;
      case 'script-wanted':
        // Without its script it begins nothing.
        return this.#end(haltedBefore(this.#options.shown));
      case 'opening':
        this.#opening.abort();
        return this.#end(haltedBefore(this.#options.shown));
      case 'handed-over':
      case 'over':
    }
  }

  /** The connection is lost, and the command goes on: no limit of ours passes until somebody is attached again. */
  detached(): void {
    this.#isDetached = true;
    this.#limit?.cancel();
  }

  attached(): void {
    this.#isDetached = false;
    if (this.#phase === 'over') return;
    if (this.#terminate && (this.#phase === 'ready' || this.#phase === 'started')) this.#sendTerminate();
    else if (this.#phase === 'started') this.#limitStep();
    else this.#limitReady();
  }

  /** The stub's word was recorded: nothing need stay on the host. */
  acknowledge(): void {
    this.#channel?.write(encodeAcknowledge());
  }

  #handlers(): ExecHandlers {
    return {
      stdout: (bytes) => this.#take(this.#parser.stdout(bytes)),
      stderr: (bytes) => this.#take(this.#parser.stderr(bytes)),
      closed: (end) => this.#closed(end),
    };
  }

  #take(events: StubEvent[]): void {
    for (const event of events) {
      if (this.#phase === 'over') return;
      this.#on(event);
    }
  }

  #on(event: StubEvent): void {
    const { shown, script, onStarted, onSettled, timeoutMs } = this.#options;
    switch (event.kind) {
      case 'ready':
        if (script !== undefined && this.#terminate) return this.#end(haltedBefore(shown));
        this.#phase = script === undefined || this.#isFollower ? 'ready' : 'script-wanted';
        this.#limitReady();
        if (this.#terminate) this.#sendTerminate();
        return;
      case 'settled':
        return onSettled(event);
      case 'kept':
        // The word of a keeper, whose parser is another.
        return;
      case 'send':
        if (!this.#isFollower) void this.#upload(event.offset);
        return;
      case 'received':
        if (this.#phase === 'uploading') this.#phase = 'ready';
        if (this.#terminate) this.#sendTerminate();
        return;
      case 'started':
        this.#phase = 'started';
        this.#limitStep();
        return onStarted();
      case 'step':
        return this.#limitStep();
      case 'stdout':
      case 'stderr':
        return this.#output(event.kind, event.bytes);
      case 'noise':
        this.#noise ||= Buffer.from(event.bytes).toString('utf8').trim();
        return;
      case 'ended': {
        const halted = this.#terminate;
        const commandOnlyAs = this.#commandOnlyAs;
        return this.#end(outcomeOfEnd(event, { shown, timeoutMs, halted, commandOnlyAs }), {
          wantsAcknowledge: true,
        });
      }
      case 'busy': {
        if (this.#terminate) return this.#end(haltedBefore(shown));
        const holder =
          event.holder === undefined
            ? 'another command of Pogo'
            : `attempt ${event.holder.attempt} of job ${event.holder.job} (process ${event.holder.pid})`;
        return this.#end({
          state: 'unreachable',
          reason: 'host-busy',
          message: `${shown} still runs ${holder} under this account, so the command did not begin.`,
        });
      }
      case 'fenced':
        return this.#end({
          state: 'denied',
          reason: 'fenced',
          message: `${shown} was fenced by a later attempt (log index ${event.index}), so this one did not begin.`,
        });
      case 'refused': {
        if (this.#terminate) return this.#end(haltedBefore(shown));
        const message = `${shown} did not begin the command: ${escapeHostText(event.message)}`;
        return event.code.startsWith('upload-')
          ? this.#end({ state: 'unreachable', reason: 'upload-failed', message })
          : this.#end({ state: 'denied', reason: 'not-runnable', message });
      }
      case 'protocol-error':
        if (event.code === 'never-ready') return this.#neverReady({});
        if (event.code === 'too-much-noise' && this.#phase === 'handed-over') {
          return this.#unknown('start-unconfirmed', `${shown}: ${escapeHostText(event.message)}`);
        }
        return this.#unknown('stub-protocol', `${shown}: ${escapeHostText(event.message)}`);
    }
  }

  async #upload(offset: number): Promise<void> {
    const { script, clock, shown, silenceMs, startMs } = this.#options;
    if (script === undefined || this.#phase !== 'script-wanted') {
      return this.#unknown('stub-protocol', `${shown} asked for a script at the wrong time.`);
    }
    this.#phase = 'uploading';
    this.#limit?.cancel();
    const sent = await uploadScript({
      ...script,
      offset,
      channel: this.#channel!,
      clock,
      stallMs: silenceMs + backstopMs,
      signal: this.#uploading.signal,
      onLastPiece: () => (this.#handedScript = true),
    });
    // While it was on its way the host may have refused it, or the connection may have ended: then that counts.
    if (this.#phase !== 'uploading') return;
    if (!sent.ok && this.#handedScript) {
      return this.#unknown(
        'start-unconfirmed',
        `${shown} may have got the whole script, but did not say that it began: ${escapeHostText(sent.detail)}.`,
      );
    }
    if (!sent.ok && this.#terminate) return this.#end(haltedBefore(shown));
    if (!sent.ok) {
      // The stub runs nothing that it hasn't got whole.
      return this.#end({
        state: 'unreachable',
        reason: 'upload-failed',
        message: `The script did not arrive whole on ${shown}, so it never ran: ${escapeHostText(sent.detail)}.`,
      });
    }
    this.#setLimit(silenceMs + startMs + backstopMs, () =>
      this.#unknown('start-unconfirmed', `${shown} took the script but did not say that it began.`),
    );
  }

  #output(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const { output } = this.#options;
    if (output.write(stream, bytes) || this.#paused) return;
    this.#paused = true;
    this.#channel?.pause();
    output.whenDrained(() => {
      this.#paused = false;
      this.#channel?.resume();
    });
  }

  #closed(end: ChannelEnd): void {
    this.#markClosed();
    if (this.#phase === 'over') return;
    const { shown } = this.#options;
    if (this.#phase === 'uploading' && !this.#handedScript) {
      const detail = end.lost === undefined ? 'its shell has ended' : escapeHostText(end.lost);
      // What the stub still had to say of it counts.
      this.#take(this.#parser.finish().filter(({ kind }) => kind === 'refused'));
      return this.#end({
        state: 'unreachable',
        reason: 'upload-failed',
        message: `The script did not arrive whole on ${shown}, so it never ran: ${detail}.`,
      });
    }
    if (end.lost !== undefined) {
      const detail = escapeHostText(end.lost);
      return this.#unknown(
        'connection-lost',
        `The connection to ${shown} broke while the command may have been running: ${detail}.`,
      );
    }
    // A host may close before what opened the channel has been heard.
    if (this.#phase === 'opening' || this.#phase === 'handed-over') return this.#neverReady(end);
    this.#take(this.#parser.finish());
  }

  /** The shell came to its end without the stub's first word. */
  #neverReady(end: Pick<ChannelEnd, 'exitCode' | 'signal'>): void {
    // The parser tells output that looked like the stub's; what was written instead is in its noise.
    for (const event of this.#parser.finish()) if (event.kind === 'noise') this.#on(event);
    this.#end(shellUnusable(this.#options.shown, end, this.#noise));
  }

  /** Until the command begins. */
  #limitReady(): void {
    const { shown, lockMs, startMs } = this.#options;
    this.#setLimit(lockMs + startMs + backstopMs, () =>
      this.#unknown('start-unconfirmed', `${shown} did not say that the command began.`),
    );
  }

  /** What has just begun has its own time. */
  #limitStep(): void {
    if (this.#terminate) return;
    const { shown, longestStepMs } = this.#options;
    this.#setLimit(longestStepMs + backstopMs, () =>
      this.#unknown(
        'kill-unconfirmed',
        `${shown} did not say how the command ended, though its time limit has passed.`,
      ),
    );
  }

  #sendTerminate(): void {
    const { shown, killGraceMs } = this.#options;
    this.#channel?.write(encodeTerminate());
    this.#setLimit(killGraceMs + backstopMs, () =>
      this.#unknown('kill-unconfirmed', `${shown} did not confirm that the command was killed.`),
    );
  }

  #unknown(
    reason: ReasonCode & ('connection-lost' | 'kill-unconfirmed' | 'stub-protocol' | 'start-unconfirmed'),
    message: string,
  ): void {
    this.#end({ state: 'unknown', reason, message }, { askAgain: true });
  }

  #end(outcome: Outcome, more: { askAgain?: boolean; wantsAcknowledge?: boolean } = {}): void {
    if (this.#phase === 'over') return;
    const began = !['opening', 'handed-over'].includes(this.#phase);
    const started = this.#phase === 'started';
    this.#phase = 'over';
    this.#limit?.cancel();
    this.#uploading.abort();
    if (this.#paused) this.#channel?.resume();
    this.#resolve({
      outcome: { ...outcome, ...(began ? this.#options.output.finish() : {}) },
      askAgain: more.askAgain === true,
      started,
      wantsAcknowledge:
        more.wantsAcknowledge === true || (this.#options.lasts && began && more.askAgain !== true),
    });
  }

  #setLimit(ms: number, passed: () => void): void {
    this.#limit?.cancel();
    if (!this.#isDetached) this.#limit = this.#options.clock.setTimer(ms, passed);
  }
}

function notRunnable(message: string): Outcome {
  return { state: 'denied', reason: 'not-runnable', message };
}
