/**
 * One session with the ensemble, from its first connection to its end; there is no way back from the end.
 *
 * 1. Every call is answered: by the servers, or with `store-unavailable` when the connection or the session was lost or the
 *    answer took too long. What was asked for may then have been done, or may still be.
 * 2. Calls are carried out in the order in which they were made, and each sees the ones before it. After a lost connection
 *    no later call overtakes an earlier one: an answer that doesn't come in time ends the session for that reason.
 * 3. The session counts as ended when, by this machine's monotonic clock, its timeout has passed since the latest call that
 *    was answered was sent: not later than at the servers, whatever they say and also after a long sleep of this process.
 * 4. A watch is armed once per node, whoever waits; all who wait are told once, also when the session ends. Watches survive
 *    a change of servers: the client library arms them anew and hears what happened meanwhile.
 * 5. The client is closed outside its own callbacks.
 */
import type { Clock, Timer } from '@pogo/lifecycle';
import type { Secret } from '@pogo/protocol';
import type { StoreError } from '../../store-error.js';
import {
  type Answer,
  type ClientFactory,
  type Reply,
  type ZooKeeperClient,
  authFailedState,
  bufferOf,
  bytesOf,
  codes,
  createFlags,
  isAnswerOfServer,
} from './client.js';
import type { CreateOutcome, DeleteOutcome, Node, SetOutcome } from './node.js';
import { refused, unavailable } from './session-errors.js';
import { SessionWatches } from './session-watches.js';
import { type Stat, childrenSchema, statSchema } from './stat.js';

export interface SessionOptions {
  makeClient: ClientFactory;
  /** `HOST:PORT,HOST:PORT…`, which is also the name in errors. */
  servers: string;
  /** Asked for; the servers may grant another. */
  sessionTimeoutMs: number;
  /** Longest wait for one answer. */
  callTimeoutMs: number;
  /** `USER:PASSWORD` of ZooKeeper's scheme `digest`: all nodes are made for its holder alone. */
  digest: Secret | undefined;
  clock: Clock;
}

/** Smaller writes fit into what the system takes at once. */
const pushFromBytes = 16 * 1024;
const firstPushMs = 5;
const longestPushMs = 80;

/** All rights to whoever is authenticated in the session that says so. */
const creatorAlone = { perm: 31, scheme: 'auth', auth: '' };

export class Session {
  readonly #options: SessionOptions;
  readonly #client: ZooKeeperClient;
  readonly #end = new AbortController();
  readonly #pending = new Set<(error: StoreError) => void>();
  readonly #watches = new SessionWatches((verb, path, send) => this.#call(verb, path, send));
  #timeoutMs: number;
  #connected = false;
  #heardMs: number;
  #heartbeat: Timer | undefined;
  #silence: Timer | undefined;
  #largeWrites = 0;
  #pusher: Timer | undefined;
  #cause = 'it was closed';
  #closed: Promise<void> = Promise.resolve();
  #clientGone = false;

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#timeoutMs = options.sessionTimeoutMs;
    this.#heardMs = options.clock.monotonicMs();
    this.#client = options.makeClient();
  }

  /** Resolves once connected, within `patienceMs`; rejects with `store-unavailable`, or `store-refused` for credentials that aren't accepted. */
  static async open(options: SessionOptions, patienceMs: number, stop: AbortSignal): Promise<Session> {
    const session = new Session(options);
    const give = () => session.end('it was closed');
    stop.addEventListener('abort', give);
    try {
      await session.#connect(patienceMs);
      return session;
    } catch (error) {
      session.end('it never began');
      await session.#closed;
      throw error;
    } finally {
      stop.removeEventListener('abort', give);
    }
  }

  /** Aborts when the session has ended: its ephemeral nodes are gone or will be, and no call succeeds any more. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** What was agreed on. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Whether a server is connected just now. */
  get connected(): boolean {
    return this.#connected && !this.#end.signal.aborted;
  }

  /** Ends it here and now, for the reason given; its ephemeral nodes go at once if a server can still be told. */
  end(cause: string): void {
    if (this.#end.signal.aborted) return;
    this.#cause = cause;
    this.#connected = false;
    this.#heartbeat?.cancel();
    this.#silence?.cancel();
    this.#pusher?.cancel();
    this.#closed = new Promise((resolve) => {
      this.#options.clock.setTimer(0, () => {
        if (!this.#clientGone) this.#client.close();
        resolve();
      });
    });
    this.#end.abort();
    for (const reject of [...this.#pending]) reject(this.#lost('call'));
    this.#watches.tellAll();
  }

  /** Ends it, and resolves when nothing of it is left in this process. */
  async close(): Promise<void> {
    this.end('it was closed');
    await this.#closed;
  }

  async create(
    path: string,
    data: Uint8Array,
    flags: number = createFlags.persistent,
  ): Promise<CreateOutcome> {
    const reply = this.#pushed(
      data,
      this.#call('create', path, (answer) => this.#client.a_create(path, bufferOf(data), flags, answer)),
    );
    // Ephemeral nodes hold nothing, and nobody else may delete them: that is up to their parent.
    const protect = this.#options.digest !== undefined && flags !== createFlags.ephemeralSequential;
    const [{ code, values }] = await Promise.all([reply, protect ? this.#own(path) : undefined]);
    if (code === codes.ok) return { kind: 'ok', path: typeof values[0] === 'string' ? values[0] : path };
    if (code === codes.nodeExists) return { kind: 'exists' };
    if (code === codes.noNode) return { kind: 'no-parent' };
    throw this.#unexpected('create', path, code);
  }

  async read(path: string): Promise<Node | undefined> {
    const { code, values } = await this.#call('read', path, (answer) =>
      this.#client.a_get(path, false, answer),
    );
    if (code === codes.noNode) return undefined;
    if (code !== codes.ok) throw this.#unexpected('read', path, code);
    const [stat, data] = values;
    return { stat: this.#statOf(path, stat), data: bytesOf(data) };
  }

  async exists(path: string): Promise<Stat | undefined> {
    return this.#existing(
      path,
      await this.#call('look at', path, (answer) => this.#client.a_exists(path, false, answer)),
    );
  }

  /** `undefined` when there is no such node. */
  async children(path: string): Promise<string[] | undefined> {
    return this.#childrenOf(
      path,
      await this.#call('list', path, (answer) => this.#client.a_get_children(path, false, answer)),
    );
  }

  async set(path: string, data: Uint8Array, version: number): Promise<SetOutcome> {
    const { code, values } = await this.#pushed(
      data,
      this.#call('write', path, (answer) => this.#client.a_set(path, bufferOf(data), version, answer)),
    );
    if (code === codes.ok) return { kind: 'ok', stat: this.#statOf(path, values[0]) };
    if (code === codes.badVersion) return { kind: 'bad-version' };
    if (code === codes.noNode) return { kind: 'absent' };
    throw this.#unexpected('write', path, code);
  }

  /** Version -1: whatever it is. */
  async delete(path: string, version: number): Promise<DeleteOutcome> {
    const { code } = await this.#call('delete', path, (answer) =>
      this.#client.a_delete_(path, version, answer),
    );
    if (code === codes.ok) return 'ok';
    if (code === codes.badVersion) return 'bad-version';
    if (code === codes.noNode) return 'absent';
    if (code === codes.notEmpty) return 'not-empty';
    throw this.#unexpected('delete', path, code);
  }

  /** Later reads see at least what had been written, by anyone, when this was called. */
  async sync(path: string): Promise<void> {
    const { code } = await this.#call('sync', path, (answer) => this.#client.a_sync(path, answer));
    if (code !== codes.ok && code !== codes.noNode) throw this.#unexpected('sync', path, code);
  }

  /** Whether the node is there now; `changed` is called once, when that or its data changes, or the session ends. */
  async watchNode(path: string, changed: () => void): Promise<Stat | undefined> {
    return this.#existing(
      path,
      await this.#watches.watch(`node ${path}`, path, changed, {
        arm: (watcher, answer) => this.#client.aw_exists(path, watcher, answer),
        look: (answer) => this.#client.a_exists(path, false, answer),
      }),
    );
  }

  /** Names of its children; `changed` is called once, when they change, or the session ends. */
  async watchChildren(path: string, changed: () => void): Promise<string[] | undefined> {
    return this.#childrenOf(
      path,
      await this.#watches.watch(`children ${path}`, path, changed, {
        arm: (watcher, answer) => this.#client.aw_get_children(path, watcher, answer),
        look: (answer) => this.#client.a_get_children(path, false, answer),
      }),
    );
  }

  /** Whoever waits for `changed` no longer does. */
  forget(changed: () => void): void {
    this.#watches.forget(changed);
  }

  /**
   * Gives the new node to the holder of the digest alone: the client library makes all nodes for everyone. One that was
   * there before is given again, in case that whoever made it was cut off in between.
   */
  async #own(path: string): Promise<void> {
    const { code } = await this.#call('protect', path, (answer) =>
      this.#client.a_set_acl(path, -1, [creatorAlone], answer),
    );
    if (code !== codes.ok && code !== codes.noNode) throw this.#unexpected('protect', path, code);
  }

  #connect(patienceMs: number): Promise<void> {
    const { servers, clock, digest, sessionTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: StoreError) => {
        timer.cancel();
        this.#pending.delete(fail);
        reject(error);
      };
      const timer = clock.setTimer(patienceMs, () =>
        fail(unavailable(servers, `no server answered within ${Math.round(patienceMs)} ms`)),
      );
      this.#pending.add(fail);
      this.#client.on('connect', () => {
        this.#onConnected();
        timer.cancel();
        this.#pending.delete(fail);
        resolve();
      });
      this.#client.on('connecting', () => (this.#connected = false));
      this.#client.on('close', (_client, code) => {
        this.#clientGone = true;
        if (code === authFailedState) fail(refused(servers));
        this.end(
          code === authFailedState ? 'the servers refused the credentials' : 'the servers have ended it',
        );
      });
      this.#client.init({
        connect: servers,
        timeout: sessionTimeoutMs,
        debug_level: 0,
        host_order_deterministic: false,
      });
      if (digest !== undefined) {
        this.#client.add_auth('digest', digest.reveal().trim(), (code) => {
          if (code === codes.authFailed) fail(refused(servers));
        });
      }
    });
  }

  #onConnected(): void {
    if (this.#end.signal.aborted) return;
    this.#connected = true;
    const { timeout } = this.#client;
    if (typeof timeout === 'number' && timeout > 0) this.#timeoutMs = timeout;
    if (this.#heartbeat === undefined) {
      this.#heardMs = this.#options.clock.monotonicMs();
      this.#beat();
      this.#listenForSilence();
    }
  }

  /** Asks now and then, so that it is known when the servers last heard of this session. */
  #beat(): void {
    this.#heartbeat = this.#options.clock.setTimer(this.#timeoutMs / 4, () => {
      const done = () => {
        if (!this.#end.signal.aborted) this.#beat();
      };
      if (!this.#connected) done();
      else this.exists('/').then(done, done);
    });
  }

  #listenForSilence(): void {
    const { clock } = this.#options;
    const restMs = this.#heardMs + this.#timeoutMs - clock.monotonicMs();
    if (restMs <= 0) {
      this.end(`the servers were silent for longer than its timeout of ${this.#timeoutMs} ms`);
      return;
    }
    this.#silence = clock.setTimer(restMs, () => this.#listenForSilence());
  }

  #call(verb: string, path: string, send: (answer: Answer) => unknown): Promise<Reply> {
    const { clock, callTimeoutMs } = this.#options;
    if (this.#end.signal.aborted) return Promise.reject(this.#lost(`${verb} ${path}`));
    return new Promise((resolve, reject) => {
      const sentMs = clock.monotonicMs();
      const settle = () => {
        timer.cancel();
        this.#pending.delete(fail);
      };
      const fail = (error: StoreError) => {
        settle();
        reject(error);
      };
      const timer = clock.setTimer(callTimeoutMs, () =>
        this.end(`no answer came within ${callTimeoutMs} ms (${verb} ${path})`),
      );
      this.#pending.add(fail);
      const answered = (code: number, values: unknown[]) => {
        // Too late: it was answered otherwise.
        if (!this.#pending.has(fail)) return;
        settle();
        if (isAnswerOfServer(code)) this.#heardMs = Math.max(this.#heardMs, sentMs);
        resolve({ code, values });
      };
      const sent = send((code, _text, ...values) => answered(code, values));
      if (typeof sent === 'number' && sent !== codes.ok) answered(sent, []);
    });
  }

  /** What the system doesn't take at once the client library sends at the next call or answer: large writes need a push. */
  async #pushed(data: Uint8Array, reply: Promise<Reply>): Promise<Reply> {
    if (data.byteLength < pushFromBytes) return reply;
    this.#largeWrites += 1;
    this.#push(firstPushMs);
    try {
      return await reply;
    } finally {
      this.#largeWrites -= 1;
    }
  }

  #push(afterMs: number): void {
    if (this.#pusher !== undefined || this.#end.signal.aborted) return;
    this.#pusher = this.#options.clock.setTimer(afterMs, () => {
      this.#pusher = undefined;
      if (this.#largeWrites === 0 || this.#end.signal.aborted) return;
      if (this.#connected) this.#client.a_exists('/', false, () => undefined);
      this.#push(Math.min(2 * afterMs, longestPushMs));
    });
  }

  #existing(path: string, { code, values }: Reply): Stat | undefined {
    if (code === codes.noNode) return undefined;
    if (code !== codes.ok) throw this.#unexpected('look at', path, code);
    return this.#statOf(path, values[0]);
  }

  #childrenOf(path: string, { code, values }: Reply): string[] | undefined {
    if (code === codes.noNode) return undefined;
    const names = childrenSchema.safeParse(values[0]);
    if (code !== codes.ok || !names.success) throw this.#unexpected('list', path, code);
    return names.data;
  }

  #statOf(path: string, value: unknown): Stat {
    const stat = statSchema.safeParse(value);
    if (!stat.success) throw this.#unexpected('understand', path, codes.ok);
    return stat.data;
  }

  #unexpected(verb: string, path: string, code: number): StoreError {
    const { servers } = this.#options;
    if (code === codes.noAuth || code === codes.authFailed) return refused(servers);
    return unavailable(servers, `can't ${verb} ${path} (ZooKeeper's code ${code})`);
  }

  #lost(what: string): StoreError {
    return unavailable(this.#options.servers, `the session has ended, ${this.#cause} (${what})`);
  }
}
