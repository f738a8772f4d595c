/**
 * One command on one host, from the exec channel to its outcome: feeds the stub, relays output, keeps it alive, and
 * ends it when told to.
 *
 * 1. `failed`, `succeeded`, `timed-out` and `killed` need the stub's own word; a kill that it didn't confirm, a broken
 *    connection, or silence after the command was handed over is `unknown` (consistency.md E1).
 * 2. A command that was never handed over whole, or whose shell ended without the stub's first word, never began.
 * 3. Nothing is written to the stub before it is ready but its text.
 * 4. Whatever the host does, `outcome` resolves: each phase has a limit.
 */
import type { Outcome, ReasonCode } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import {
  createStubParser,
  encodeHeartbeat,
  encodeTerminate,
  type EndedEvent,
  type StubEvent,
  type StubParser,
} from '@pogo/stub';
import { escapeHostText } from './escape-text.js';
import { StreamDigest } from './output-digest.js';
import type { OutputRelay } from './output-relay.js';
import type { ChannelEnd, Connection, ExecChannel } from './transport/transport.js';

/** How long the host gets beyond the stub's own limits before it is given up. */
const backstopMs = 30_000;

export interface CommandRunOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly relay: OutputRelay;
  readonly host: number;
  readonly attempt: number;
  /** `user@host:port`, for messages. */
  readonly shown: string;
  readonly nonce: string;
  readonly execLine: string;
  readonly stdin: Uint8Array;
  /** From the handing over to the stub's first word. */
  readonly startMs: number;
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  readonly onStarted: () => void;
}

type Phase = 'opening' | 'handed-over' | 'ready' | 'over';

export class CommandRun {
  /** Resolves once, when the attempt is over; the connection may be closed then. */
  readonly outcome: Promise<Outcome>;
  readonly #options: CommandRunOptions;
  readonly #parser: StubParser;
  readonly #digests = { stdout: new StreamDigest(), stderr: new StreamDigest() };
  #settle: (outcome: Outcome) => void = () => {};
  #phase: Phase = 'opening';
  #channel: ExecChannel | undefined;
  #paused = false;
  #terminate = false;
  #noise = '';
  #limit: Timer | undefined;

  constructor(options: CommandRunOptions) {
    this.#options = options;
    this.#parser = createStubParser({ nonce: options.nonce });
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Opens the channel and hands the command over. */
  async start(): Promise<void> {
    const { connection, execLine, stdin, shown, startMs } = this.#options;
    this.#setLimit(startMs, () =>
      this.#never('channel-refused', `${shown} did not open a session within ${startMs / 1000} s.`),
    );
    const opened = await connection.exec(execLine, {
      stdout: (bytes) => this.#take(this.#parser.stdout(bytes)),
      stderr: (bytes) => this.#take(this.#parser.stderr(bytes)),
      closed: (end) => this.#closed(end),
    });
    if (this.#phase === 'over') return;
    if (!opened.ok) {
      const detail = escapeHostText(opened.detail);
      if (opened.kind === 'refused') {
        this.#never('channel-refused', `${shown} accepted the login but refused to run anything: ${detail}.`);
      } else {
        this.#never(
          'connection-broken',
          `The connection to ${shown} broke before the command began: ${detail}.`,
        );
      }
      return;
    }
    this.#channel = opened.channel;
    this.#phase = 'handed-over';
    this.#setLimit(startMs, () =>
      this.#unknown('start-unconfirmed', `${shown} took the command but did not say that it began.`),
    );
    opened.channel.write(stdin);
  }

  /** Due every third of the stub's silence limit. */
  heartbeat(): void {
    if (this.#phase === 'ready') this.#channel?.write(encodeHeartbeat());
  }

  /** Ends the command: TERM, then KILL after the grace. */
  terminate(): void {
    if (this.#terminate) return;
    this.#terminate = true;
    if (this.#phase === 'ready') this.#sendTerminate();
    else if (this.#phase === 'opening') {
      this.#end({
        state: 'killed',
        reason: 'halt-kill',
        message: `Halted before the command on ${this.#options.shown} began.`,
      });
    }
  }

  #take(events: StubEvent[]): void {
    for (const event of events) {
      if (this.#phase === 'over') return;
      this.#on(event);
    }
  }

  #on(event: StubEvent): void {
    const { shown, timeoutMs, killGraceMs, onStarted } = this.#options;
    switch (event.kind) {
      case 'ready':
        this.#phase = 'ready';
        this.#setLimit(timeoutMs + killGraceMs + backstopMs, () =>
          this.#unknown(
            'kill-unconfirmed',
            `${shown} did not say how the command ended, though its time limit has passed.`,
          ),
        );
        if (this.#terminate) this.#sendTerminate();
        return;
      case 'started':
        return onStarted();
      case 'stdout':
      case 'stderr':
        return this.#output(event.kind, event.bytes);
      case 'noise':
        this.#noise ||= Buffer.from(event.bytes).toString('utf8').trim();
        return;
      case 'ended':
        return this.#end({ ...outcomeOf(event, this.#options, this.#terminate) });
      case 'protocol-error':
        if (event.code === 'never-ready') return this.#neverReady({});
        if (event.code === 'too-much-noise' && this.#phase !== 'ready') {
          return this.#unknown('start-unconfirmed', `${shown}: ${escapeHostText(event.message)}`);
        }
        return this.#unknown('stub-protocol', `${shown}: ${escapeHostText(event.message)}`);
    }
  }

  #output(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const { relay, host, attempt } = this.#options;
    const digest = this.#digests[stream];
    const offset = digest.bytes;
    digest.add(bytes);
    if (relay.write({ host, attempt, stream, offset, bytes }) || this.#paused) return;
    this.#paused = true;
    this.#channel?.pause();
    relay.whenDrained(() => {
      this.#paused = false;
      this.#channel?.resume();
    });
  }

  #closed(end: ChannelEnd): void {
    if (this.#phase === 'over') return;
    const { shown } = this.#options;
    if (end.lost !== undefined) {
      this.#unknown(
        'connection-lost',
        `The connection to ${shown} broke while the command may have been running: ${escapeHostText(end.lost)}.`,
      );
      return;
    }
    if (this.#phase !== 'ready') return this.#neverReady(end);
    this.#take(this.#parser.finish());
  }

  /** The login shell came to its end without the stub's first word. */
  #neverReady(end: ChannelEnd): void {
    const { shown } = this.#options;
    // The parser tells output that looked like the stub's; what was written instead is in its noise.
    for (const event of this.#parser.finish()) if (event.kind === 'noise') this.#on(event);
    const how =
      end.exitCode !== undefined
        ? `exited with status ${end.exitCode}`
        : end.signal !== undefined
          ? `was ended by ${escapeHostText(end.signal)}`
          : 'ended';
    const said = this.#noise === '' ? '' : `, and said: ${escapeHostText(this.#noise)}`;
    this.#never('shell-unusable', `The login shell at ${shown} ${how} without running the command${said}.`);
  }

  #sendTerminate(): void {
    const { shown, killGraceMs } = this.#options;
    this.#channel?.write(encodeTerminate());
    this.#setLimit(killGraceMs + backstopMs, () =>
      this.#unknown('kill-unconfirmed', `${shown} did not confirm that the command was killed.`),
    );
  }

  /** The command never began. */
  #never(
    reason: ReasonCode & ('channel-refused' | 'connection-broken' | 'shell-unusable'),
    message: string,
  ): void {
    this.#end({ state: 'unreachable', reason, message });
  }

  #unknown(
    reason: ReasonCode & ('connection-lost' | 'kill-unconfirmed' | 'stub-protocol' | 'start-unconfirmed'),
    message: string,
  ): void {
    this.#end({ state: 'unknown', reason, message });
  }

  #end(outcome: Outcome): void {
    if (this.#phase === 'over') return;
    const began = this.#phase === 'ready';
    this.#phase = 'over';
    this.#limit?.cancel();
    if (this.#paused) this.#channel?.resume();
    const digests = { stdout: this.#digests.stdout.finish(), stderr: this.#digests.stderr.finish() };
    this.#settle({ ...outcome, ...(began ? digests : {}) });
  }

  #setLimit(ms: number, passed: () => void): void {
    this.#limit?.cancel();
    this.#limit = this.#options.clock.setTimer(ms, passed);
  }
}

/** What the stub's last word proves. */
function outcomeOf(
  event: EndedEvent,
  { shown, timeoutMs }: Pick<CommandRunOptions, 'shown' | 'timeoutMs'>,
  halted: boolean,
): Outcome {
  const { exit } = event;
  const known: Partial<Outcome> =
    exit.kind === 'exited'
      ? { exitCode: exit.exitCode }
      : exit.kind === 'signalled'
        ? { signal: exit.signal }
        : {};
  if (event.stopCause !== undefined) {
    const cause = causes[event.stopCause];
    if (!event.killConfirmed) {
      const message = `${shown} ended the command (${cause}) but could not confirm that nothing of it is left.`;
      return { state: 'unknown', reason: 'kill-unconfirmed', message, ...known };
    }
    if (event.timedOut) {
      const message = `The command on ${shown} ran longer than ${timeoutMs / 1000} s and was killed.`;
      return { state: 'timed-out', reason: 'command-timeout', message, ...known };
    }
    if (halted && (event.stopCause === 'terminate' || event.stopCause === 'kill')) {
      const message = `The command on ${shown} was killed because the job was halted.`;
      return { state: 'killed', reason: 'halt-kill', message, ...known };
    }
    return {
      state: 'killed',
      reason: 'stub-stopped',
      message: `The command on ${shown} was killed: ${cause}.`,
      ...known,
    };
  }
  switch (exit.kind) {
    case 'exited':
      if (exit.exitCode === 0) return { state: 'succeeded', exitCode: 0 };
      return {
        state: 'failed',
        reason: 'exit-nonzero',
        message: exit.ambiguous
          ? `The command on ${shown} exited with status ${exit.exitCode}, or was ended by signal ${exit.exitCode - 128}.`
          : `The command on ${shown} exited with status ${exit.exitCode}.`,
        ...known,
      };
    case 'signalled':
      return {
        state: 'failed',
        reason: 'signal',
        message: `The command on ${shown} was ended by ${exit.signal}.`,
        ...known,
      };
    case 'unknown':
      return {
        state: 'unknown',
        reason: 'stub-protocol',
        message: `${shown} could not tell how the command ended.`,
      };
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
