/**
 * Asks a host what became of an earlier attempt (E1, E3): a stub without a command, whose answer is its last word.
 *
 * 1. Whatever the host does, `ask` resolves within the limits.
 * 2. What the host remembers stays there until `acknowledge`.
 */
import type { Outcome } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import {
  createStubParser,
  encodeAcknowledge,
  encodeHeartbeat,
  type EndedEvent,
  type RenderedStub,
  type StubEvent,
} from '@pogo/stub';
import { escapeHostText } from './escape-text.js';
import type { OpenShell } from './host-shell.js';
import type { ExecChannel } from './transport/transport.js';

export interface SettleRunOptions {
  readonly openShell: OpenShell;
  readonly clock: Clock;
  /** `user@host:port` */
  readonly shown: string;
  readonly nonce: string;
  readonly stub: RenderedStub;
  /** From the question to the stub's first word, and what it gets beyond its own limit. */
  readonly startMs: number;
  /** How long the host waits for a command that still runs. */
  readonly waitMs: number;
}

export type SettleAnswer =
  | { readonly kind: 'ended'; readonly event: EndedEvent }
  | { readonly kind: 'live' }
  /** Neither a claim nor an outcome of that attempt. */
  | { readonly kind: 'none'; readonly uptimeSeconds: number | undefined }
  /** The question wasn't answered; `outcome` says why, in the terms of an attempt. */
  | { readonly kind: 'failed'; readonly outcome: Outcome }
  /** Worth another try. */
  | { readonly kind: 'lost'; readonly detail: string };

export class SettleRun {
  /** Resolves once the channel is over: the stub has left, or the connection is gone. */
  readonly closed: Promise<void>;
  readonly #options: SettleRunOptions;
  readonly #aborter = new AbortController();
  #channel: ExecChannel | undefined;
  #ready = false;
  #over = false;
  #limit: Timer | undefined;
  #resolve: (answer: SettleAnswer) => void = () => {};
  #markClosed: () => void = () => {};

  constructor(options: SettleRunOptions) {
    this.#options = options;
    this.closed = new Promise((resolve) => (this.#markClosed = resolve));
  }

  async ask(): Promise<SettleAnswer> {
    const { openShell, nonce, stub, startMs } = this.#options;
    if (!stub.ok) {
      return {
        kind: 'failed',
        outcome: { state: 'denied', reason: 'not-runnable', message: stub.message },
      };
    }
    const parser = createStubParser({ nonce });
    const answered = new Promise<SettleAnswer>((resolve) => (this.#resolve = resolve));
    const opened = await openShell({
      shellLine: stub.execLine,
      signal: this.#aborter.signal,
      handlers: {
        stdout: (bytes) => this.#take(parser.stdout(bytes)),
        stderr: (bytes) => this.#take(parser.stderr(bytes)),
        closed: ({ lost }) => {
          this.#markClosed();
          if (lost !== undefined) return this.#end({ kind: 'lost', detail: escapeHostText(lost) });
          this.#take(parser.finish());
          this.#end({ kind: 'lost', detail: 'its shell ended without an answer' });
        },
      },
    });
    if (!opened.ok) return { kind: 'failed', outcome: opened.outcome };
    if (this.#over) return answered;
    this.#channel = opened.channel;
    this.#setLimit(startMs);
    opened.channel.write(stub.stdin);
    return answered;
  }

  heartbeat(): void {
    if (this.#ready && !this.#over) this.#channel?.write(encodeHeartbeat());
  }

  abort(): void {
    this.#aborter.abort();
    this.#end({ kind: 'lost', detail: 'it was broken off' });
  }

  /** What the host said was recorded. */
  acknowledge(): void {
    this.#channel?.write(encodeAcknowledge());
  }

  #take(events: StubEvent[]): void {
    for (const event of events) {
      if (this.#over) return;
      if (event.kind === 'ready') {
        this.#ready = true;
        this.#setLimit(this.#options.waitMs + this.#options.startMs);
      } else if (event.kind === 'protocol-error') {
        this.#end({ kind: 'lost', detail: escapeHostText(event.message) });
      } else if (event.kind === 'refused') {
        this.#end({ kind: 'lost', detail: escapeHostText(event.message) });
      } else if (event.kind === 'settled') {
        if (event.found === 'live') this.#end({ kind: 'live' });
        else if (event.ended !== undefined) this.#end({ kind: 'ended', event: event.ended });
        else this.#end({ kind: 'none', uptimeSeconds: event.uptimeSeconds });
      }
    }
  }

  #setLimit(ms: number): void {
    const { clock, shown } = this.#options;
    this.#limit?.cancel();
    this.#limit = clock.setTimer(ms, () =>
      this.#end({ kind: 'lost', detail: `${shown} did not answer within ${ms / 1000} s` }),
    );
  }

  #end(answer: SettleAnswer): void {
    if (this.#over) return;
    this.#over = true;
    this.#limit?.cancel();
    this.#resolve(answer);
  }
}
