/** A transport whose hosts do what the test says: for the ends that a real host comes to rarely, and for time. */
import type {
  ChannelEnd,
  ConnectFailure,
  ConnectOptions,
  ConnectOutcome,
  ExecHandlers,
  ExecOutcome,
  Transport,
} from '@pogo/rexec';

/** One connected host, in the test's hands. */
export class ScriptedHost {
  readonly options: ConnectOptions;
  /** What was written to the channel, the stub's text first. */
  readonly written: string[] = [];
  closed = false;
  paused = false;
  #handlers: ExecHandlers | undefined;
  readonly #whenExec: () => void;
  /** Resolves once a command line came. */
  readonly executed: Promise<void>;

  constructor(options: ConnectOptions) {
    this.options = options;
    let executed = () => {};
    this.executed = new Promise((resolve) => (executed = resolve));
    this.#whenExec = executed;
  }

  exec(handlers: ExecHandlers): ExecOutcome {
    this.#handlers = handlers;
    this.#whenExec();
    return {
      ok: true,
      channel: {
        write: (bytes) => {
          const text = Buffer.from(bytes).toString('latin1');
          this.written.push(text);
          // Acknowledged, a stub leaves.
          if (text === 'a\n') handlers.closed({ exitCode: 0 });
        },
        send: async (bytes) => {
          this.written.push(Buffer.from(bytes).toString('latin1'));
          return true;
        },
        close: () => handlers.closed({}),
        pause: () => (this.paused = true),
        resume: () => (this.paused = false),
      },
    };
  }

  /** The nonce in the stub's text. */
  get nonce(): string {
    return /_?[a-zA-Z]+=([0-9a-f]{32})/.exec(this.written.join(''))![1]!;
  }

  frame(payload: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    this.#handlers![stream](Buffer.from(`\x1epogo-${this.nonce} ${payload}\n`, 'latin1'));
  }

  /** The stub's first words. */
  begin(pid = 4711): void {
    this.frame('b', 'stderr');
    this.frame(`b ${pid} 1`);
  }

  say(text: string, stream: 'stdout' | 'stderr' = 'stdout'): void {
    this.#handlers![stream](Buffer.from(text));
  }

  /** The stub's last words; `e STATUS CAUSE GROUP REPORTER MESSAGE`. */
  end(payload = 'e 0 0 0 1 '): void {
    this.frame(payload);
    this.frame('e', 'stderr');
  }

  closeChannel(end: ChannelEnd): void {
    this.#handlers!.closed(end);
  }
}

export class ScriptedTransport implements Transport {
  readonly hosts: ScriptedHost[] = [];
  /** What every host shows as its key. */
  hostKey: Buffer = Buffer.from([]);
  /** Whether further connections succeed. */
  reachable = true;
  /** How the next ones end, one after the other, before any succeeds. */
  readonly failures: ConnectFailure[] = [];
  /** When each was asked for; with a clock. */
  readonly dialledAtMs: number[] = [];
  readonly #now: () => number;
  #waiting: (() => void)[] = [];
  /** What `exec` gives; by default it works. */
  onExec: (host: ScriptedHost, handlers: ExecHandlers) => Promise<ExecOutcome> = (host, handlers) =>
    Promise.resolve(host.exec(handlers));

  constructor({ now = () => 0 }: { now?: () => number } = {}) {
    this.#now = now;
  }

  async connect(options: ConnectOptions): Promise<ConnectOutcome> {
    this.dialledAtMs.push(this.#now());
    const failure = this.failures.shift();
    if (failure !== undefined) return { ok: false, failure };
    if (!this.reachable) {
      return { ok: false, failure: { kind: 'unreachable', reason: 'no-route', detail: 'no route to host' } };
    }
    options.verifyHostKey(this.hostKey);
    const host = new ScriptedHost(options);
    this.hosts.push(host);
    for (const wake of this.#waiting.splice(0)) wake();
    options.login.accepted();
    let over = () => {};
    return {
      ok: true,
      connection: {
        exec: (_line, handlers) => this.onExec(host, handlers),
        close: () => {
          host.closed = true;
          over();
        },
        closed: new Promise((resolve) => (over = resolve)),
      },
    };
  }

  /** The `n`th host that was connected to, once it got its command. */
  async host(n = 0): Promise<ScriptedHost> {
    while (this.hosts[n] === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.hosts[n].executed;
    // By then the stub's text was written, where there is a channel for it.
    await new Promise(setImmediate);
    return this.hosts[n];
  }
}
