/**
 * The channel of a command that outlives its connection: for whoever runs the command it is one channel from the beginning to the
 * end. Behind it a keeper on the host (stub, `keeper.ts`) keeps what the command writes, and connections come and go.
 *
 * 1. What the host kept is handed on once and in order: how far it came is counted here, and said at each return (K1).
 * 2. After a loss the host is dialled again, with growing pauses, for as long as the host itself lets the command run without
 *    anybody; then, or where there is nothing to come back to, the channel is lost.
 * 3. What is written meanwhile is told after the return; heartbeats are not.
 */
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import {
  createStubParser,
  encodeNextPiece,
  encodeRawBytes,
  type KeeperOptions,
  keptPieceBytes,
  type KeptEvent,
  type KeptPosition,
  type RenderedStub,
  type StubEvent,
  type StubParser,
} from '@pogo/stub';
import { escapeHostText } from './escape-text.js';
import type { OpenShell, ShellOutcome } from './host-shell.js';
import type { ChannelEnd, ExecChannel, ExecHandlers } from './transport/transport.js';

const backoff = { firstMs: 500, maxMs: 15_000 } as const;
/** For how long a host is dialled for a command that somebody else had begun: whoever asks for that wants an answer. */
const takeUpMs = 60_000;

/** What came of dialling the host again. `detail`: a clause. */
export type Reconnected =
  | { readonly kind: 'connected'; readonly openShell: OpenShell; readonly close: () => void }
  | { readonly kind: 'later' | 'never'; readonly detail: string };

export interface LastingChannelOptions {
  readonly clock: Clock;
  /** `user@host:port` */
  readonly shown: string;
  /** Of the command's stub; where it isn't known, it is learned from the host. */
  readonly nonce: string;
  readonly newNonce: () => string;
  readonly render: (keeper: Pick<KeeperOptions, 'nonce' | 'what' | 'stdout' | 'stderr'>) => RenderedStub;
  readonly reconnect: () => Promise<Reconnected>;
  /** Bytes of the job's script, where it has one. */
  readonly scriptBytes: number | undefined;
  /** How long the host lets the command run without anybody, and how long it is dialled. */
  readonly limitMs: number;
  /** From a keeper's text to its first word. */
  readonly startMs: number;
  /** Any number: hosts with different ones don't come back at the same moment. */
  readonly spread: number;
  /** Nobody is attached, from now on. */
  readonly onDetached: (detail: string) => void;
  readonly onAttached: () => void;
  /** On the way to a command that somebody else had begun: takes its channel from the beginning on. */
  readonly onFound?: (run: string) => ExecHandlers;
}

/** One connection's part. */
interface Link {
  readonly parser: StubParser;
  channel: ExecChannel | undefined;
  /** How an attempt to come back ended; undefined on the first link. */
  readonly returned: ((how: Return) => void) | undefined;
  readonly nonce: string;
}

/** What came of a connection on which somebody was to come back. */
type Return = { readonly kind: 'attached' | 'lost' } | { readonly kind: 'gone'; readonly detail: string };

/** `idle`: no text was written yet; `launching`: the keeper may have the command's text. */
type Phase = 'idle' | 'launching' | 'attached' | 'detached' | 'over';

export class LastingChannel implements ExecChannel {
  readonly #options: LastingChannelOptions;
  readonly #at: Record<'stdout' | 'stderr', KeptPosition> = {
    stdout: { piece: 0, offset: 0 },
    stderr: { piece: 0, offset: 0 },
  };
  readonly #leaving = new AbortController();
  readonly #untold = new Set<string>();
  #phase: Phase = 'idle';
  #handlers: ExecHandlers | undefined;
  #link: Link | undefined;
  #text: Uint8Array | undefined;
  #handedText = false;
  #announcedScript = false;
  #acknowledged = false;
  #refused = false;
  #paused = false;
  #isFound = false;

  constructor(options: LastingChannelOptions) {
    this.#options = options;
  }

  /** The shell of the connection that is there, with this channel in its channel's place. */
  open(openShell: OpenShell): OpenShell {
    return async ({ shellLine, handlers, signal }): Promise<ShellOutcome> => {
      this.#handlers = handlers;
      const link = this.#newLink(this.#options.newNonce(), undefined);
      this.#link = link;
      const opened = await openShell({ shellLine, signal, handlers: this.#handlersOf(link) });
      if (!opened.ok) return opened;
      link.channel = opened.channel;
      return { ...opened, channel: this };
    };
  }

  /**
   * Comes back to a command that somebody else had begun. Undefined once attached; else a clause on why not.
   */
  async takeUp(): Promise<string | undefined> {
    const { promise, resolve } = withResolver<ChannelEnd>();
    this.#handlers = { stdout: () => undefined, stderr: () => undefined, closed: resolve };
    const end = await Promise.race([this.#comeBack(undefined), promise]);
    return end === undefined ? undefined : (end.lost ?? 'it is closed');
  }

  /** First the stub's text, then its control lines. */
  write(bytes: Uint8Array): void {
    if (this.#phase === 'idle') return this.#launch(bytes);
    const line = Buffer.from(bytes).toString('latin1');
    if (line === 'a\n') this.#acknowledged = true;
    if (this.#phase === 'attached') this.#link?.channel?.write(bytes);
    else if (line !== 'h\n') this.#untold.add(line);
  }

  async send(bytes: Uint8Array): Promise<boolean> {
    const { scriptBytes } = this.#options;
    const channel = this.#phase === 'attached' ? this.#link?.channel : undefined;
    if (channel === undefined || scriptBytes === undefined) return false;
    if (!this.#announcedScript) channel.write(encodeRawBytes(scriptBytes));
    this.#announcedScript = true;
    return channel.send(bytes);
  }

  /** Nobody comes back any more. */
  close(): void {
    this.#leaving.abort();
    this.#link?.channel?.close();
    if (this.#phase === 'detached') this.#over({ lost: 'it was closed by this side' });
  }

  pause(): void {
    this.#paused = true;
    this.#link?.channel?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#link?.channel?.resume();
  }

  #newLink(nonce: string, returned: Link['returned']): Link {
    return { nonce, parser: createStubParser({ nonce }), channel: undefined, returned };
  }

  #handlersOf(link: Link): ExecHandlers {
    return {
      stdout: (bytes) => this.#take(link, link.parser.stdout(bytes)),
      stderr: (bytes) => this.#take(link, link.parser.stderr(bytes)),
      closed: (end) => this.#closed(link, end),
    };
  }

  #launch(text: Uint8Array): void {
    const link = this.#link;
    if (link?.channel === undefined) return;
    const { nonce: run, limitMs } = this.#options;
    const keeper = this.#render(link.nonce, { kind: 'launch', run, bytes: text.length, limitMs });
    this.#phase = 'launching';
    this.#text = text;
    if (keeper.ok) link.channel.write(keeper.stdin);
    else this.#over({ lost: keeper.message });
  }

  #render(nonce: string, what: KeeperOptions['what']): RenderedStub {
    return this.#options.render({ nonce, what, ...this.#at });
  }

  #take(link: Link, events: readonly StubEvent[]): void {
    for (const event of events) {
      if (link !== this.#link || this.#phase === 'over') return;
      switch (event.kind) {
        case 'send':
          this.#handText(link);
          break;
        case 'kept':
          this.#returned(link, event);
          break;
        case 'received':
          this.#text = undefined;
          this.#attached(link);
          break;
        case 'refused':
          this.#decline(link, event.code);
          break;
        case 'stdout':
        case 'stderr':
          this.#pass(link, event.kind, event.bytes);
          break;
        case 'noise':
          // What start files write is of interest where nothing else comes.
          if (link.returned === undefined) this.#handlers?.[event.stream](Buffer.from(event.bytes));
          break;
        default:
          break;
      }
    }
  }

  #handText(link: Link): void {
    if (this.#text === undefined) return;
    this.#handedText = true;
    link.channel?.write(this.#text);
  }

  #returned(link: Link, { run, isWhole }: KeptEvent): void {
    const { nonce, onFound } = this.#options;
    if (onFound !== undefined && !this.#isFound) {
      if (!isWhole) {
        const detail = 'the first of its output has been removed there, so that nobody else can follow it';
        return link.returned?.({ kind: 'gone', detail });
      }
      this.#isFound = true;
      this.#handlers = onFound(run);
    } else if (onFound === undefined && run !== nonce) {
      return link.returned?.({ kind: 'gone', detail: 'what runs there is another attempt' });
    }
    this.#attached(link);
  }

  #attached(link: Link): void {
    this.#phase = 'attached';
    for (const line of this.#untold) link.channel?.write(Buffer.from(line, 'latin1'));
    this.#untold.clear();
    if (this.#paused) link.channel?.pause();
    link.returned?.({ kind: 'attached' });
  }

  #pass(link: Link, stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const at = this.#at[stream];
    at.offset += bytes.length;
    if (at.offset === keptPieceBytes) {
      at.piece += 1;
      at.offset = 0;
      link.channel?.write(encodeNextPiece(stream, at.piece));
    }
    this.#handlers?.[stream](Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** The keeper can't do what was asked of it: nothing was begun, or there is nothing to come back to. */
  #decline(link: Link, code: string): void {
    if (link.returned !== undefined)
      return link.returned({ kind: 'gone', detail: 'the host keeps no such command any more' });
    this.#refused = true;
    const marker = `\x1epogo-${this.#options.nonce} `;
    const word = code === 'keeper-impossible' ? 'keeper' : 'place';
    this.#handlers?.stdout(Buffer.from(`${marker}b\n${marker}x ${word}\n`, 'latin1'));
  }

  #closed(link: Link, end: ChannelEnd): void {
    if (link !== this.#link || this.#phase === 'over') return;
    const wasAttached = this.#phase === 'attached';
    const mayRun = wasAttached || this.#handedText;
    this.#link = undefined;
    if (link.returned !== undefined && !wasAttached) return link.returned({ kind: 'lost' });
    const isDone = this.#acknowledged || this.#refused || this.#leaving.signal.aborted;
    if (!mayRun || (wasAttached && isDone)) return this.#over(end);
    void this.#comeBack(end.lost ?? 'its shell on the host has ended');
  }

  async #comeBack(lost: string | undefined): Promise<void> {
    const { clock, limitMs, spread, reconnect, onDetached, onAttached } = this.#options;
    const { signal } = this.#leaving;
    this.#phase = 'detached';
    let detail = escapeHostText(lost ?? 'the host was not dialled');
    if (lost !== undefined) onDetached(detail);
    const withinMs = lost === undefined ? Math.min(limitMs, takeUpMs) : limitMs;
    const lostMs = clock.monotonicMs();
    for (let times = 0; ; times++) {
      const pauseMs = backoffDelayMs(backoff, times, (spread * 0.618_033_988_75) % 1);
      if (!(await delay(clock, pauseMs, signal))) return;
      if (clock.monotonicMs() - lostMs > withinMs) {
        return this.#over({ lost: `nobody came back to it within ${withinMs / 1000} s: ${detail}` });
      }
      const reconnected = await reconnect();
      if (reconnected.kind !== 'connected') {
        detail = reconnected.detail;
        if (reconnected.kind === 'never') return this.#over({ lost: detail });
        continue;
      }
      if (signal.aborted) return reconnected.close();
      const how = await this.#return(reconnected.openShell);
      if (how.kind === 'attached') return onAttached();
      if (how.kind === 'gone') return this.#over({ lost: `${detail}; ${how.detail}` });
    }
  }

  async #return(openShell: OpenShell): Promise<Return> {
    const { clock, startMs, newNonce } = this.#options;
    const nonce = newNonce();
    const keeper = this.#render(nonce, { kind: 'attach' });
    if (!keeper.ok) return { kind: 'gone', detail: keeper.message };
    const { promise: returned, resolve } = withResolver<Return>();
    const link = this.#newLink(nonce, resolve);
    this.#link = link;
    const opened = await openShell({
      shellLine: keeper.execLine,
      signal: this.#leaving.signal,
      handlers: this.#handlersOf(link),
    });
    if (opened.ok) {
      link.channel = opened.channel;
      opened.channel.write(keeper.stdin);
    } else {
      // Neither a password nor a sudo rule gets better by being asked for twice.
      const { state, message = 'it opens no shell' } = opened.outcome;
      resolve(state === 'unreachable' ? { kind: 'lost' } : { kind: 'gone', detail: message });
    }
    const limit = clock.setTimer(startMs, () => resolve({ kind: 'lost' }));
    const how = await returned;
    limit.cancel();
    if (how.kind !== 'attached') this.#link = undefined;
    return how;
  }

  #over(end: ChannelEnd): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    this.#leaving.abort();
    this.#handlers?.closed(end);
  }
}

function withResolver<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}
