/**
 * One session with the ensemble, from its first connection to its end; there is no way back from the end.
 *
 * 1. Every call is answered: by the servers, or with `store-unavailable` when the connection or the session was lost or the
 *    answer took too long. What was asked for may then have been done, or may still be.
 * 2. Calls are carried out in the order in which they were made, and each sees the ones before it. After a lost connection
 *    no later call overtakes an earlier one: the servers drop what is still under way on the one before.
 * 3. It ends by this machine's monotonic clock, whatever the servers say (session-link.ts, 3).
 * 4. A watch is armed once per node, whoever waits; all who wait are told once, also when the session ends. Watches survive
 *    a change of servers, and hear what happened meanwhile.
 */
import type { StoreError } from '../../store-error.js';
import type { CreateOutcome, DeleteOutcome, Node, SetOutcome } from './node.js';
import { refused, unavailable } from './session-errors.js';
import { SessionLink, type SessionLinkOptions } from './session-link.js';
import { SessionWatches } from './session-watches.js';
import type { Stat } from './stat.js';
import { codes } from './wire/codes.js';
import {
  type NodeKind,
  createNode,
  deleteNode,
  getChildren,
  getData,
  nodeExists,
  setData,
  sync,
} from './wire/requests.js';

export type SessionOptions = Omit<SessionLinkOptions, 'onEvent' | 'rearm'>;

export class Session {
  readonly #options: SessionOptions;
  readonly #link: SessionLink;
  readonly #watches: SessionWatches;

  private constructor(options: SessionOptions, link: SessionLink, watches: SessionWatches) {
    this.#options = options;
    this.#link = link;
    this.#watches = watches;
    if (link.ended.aborted) watches.tellAll();
    else link.ended.addEventListener('abort', () => watches.tellAll(), { once: true });
  }

  /** Resolves once connected, to a server that answers within `patienceMs`; rejects as {@link SessionLink.open} does. */
  static async open(options: SessionOptions, patienceMs: number, stop: AbortSignal): Promise<Session> {
    const watches = new SessionWatches();
    const link = await SessionLink.open(
      {
        ...options,
        onEvent: (event) => watches.onEvent(event),
        rearm: (seenZxid) => watches.rearm(seenZxid),
      },
      patienceMs,
      stop,
    );
    return new Session(options, link, watches);
  }

  /** Aborts when the session has ended: its ephemeral nodes are gone or will be, and no call succeeds any more. */
  get ended(): AbortSignal {
    return this.#link.ended;
  }

  /** What was agreed on. */
  get timeoutMs(): number {
    return this.#link.timeoutMs;
  }

  /** Whether a server is connected just now. */
  get connected(): boolean {
    return this.#link.connected;
  }

  /** Ends it, and resolves when nothing of it is left in this process; its ephemeral nodes go at once if a server can be told. */
  close(): Promise<void> {
    return this.#link.close();
  }

  async create(path: string, data: Uint8Array, kind: NodeKind = 'persistent'): Promise<CreateOutcome> {
    const access = this.#options.digest === undefined ? 'anyone' : 'whoever-is-authenticated';
    const answer = await this.#link.ask(`create ${path}`, createNode(path, data, { kind, access }));
    if (answer.kind === 'ok') return { kind: 'ok', ...answer.value };
    if (answer.code === codes.nodeExists) return { kind: 'exists' };
    if (answer.code === codes.noNode) return { kind: 'no-parent' };
    throw this.#unexpected('create', path, answer.code);
  }

  async read(path: string): Promise<Node | undefined> {
    const answer = await this.#link.ask(`read ${path}`, getData(path));
    if (answer.kind === 'ok') return answer.value;
    if (answer.code === codes.noNode) return undefined;
    throw this.#unexpected('read', path, answer.code);
  }

  exists(path: string): Promise<Stat | undefined> {
    return this.#exists(path, false);
  }

  /** `undefined` when there is no such node. */
  children(path: string): Promise<string[] | undefined> {
    return this.#children(path, false);
  }

  async set(path: string, data: Uint8Array, version: number): Promise<SetOutcome> {
    const answer = await this.#link.ask(`write ${path}`, setData(path, data, version));
    if (answer.kind === 'ok') return { kind: 'ok', stat: answer.value };
    if (answer.code === codes.badVersion) return { kind: 'bad-version' };
    if (answer.code === codes.noNode) return { kind: 'absent' };
    throw this.#unexpected('write', path, answer.code);
  }

  /** Version -1: whatever it is. */
  async delete(path: string, version: number): Promise<DeleteOutcome> {
    const answer = await this.#link.ask(`delete ${path}`, deleteNode(path, version));
    if (answer.kind === 'ok') return 'ok';
    if (answer.code === codes.badVersion) return 'bad-version';
    if (answer.code === codes.noNode) return 'absent';
    if (answer.code === codes.notEmpty) return 'not-empty';
    throw this.#unexpected('delete', path, answer.code);
  }

  /** Later reads see at least what had been written, by anyone, when this was called. */
  async sync(path: string): Promise<void> {
    const answer = await this.#link.ask(`sync ${path}`, sync(path));
    if (answer.kind === 'refused' && answer.code !== codes.noNode)
      throw this.#unexpected('sync', path, answer.code);
  }

  /** Whether the node is there now; `changed` is called once, when that or its data changes, or the session ends. */
  async watchNode(path: string, changed: () => void): Promise<Stat | undefined> {
    const seen = await this.#watches.look('node', path, changed, async (watch) => {
      const stat = await this.#exists(path, watch);
      return { present: stat !== undefined, stat };
    });
    return seen.stat;
  }

  /** Names of its children; `changed` is called once, when they change, or the session ends. */
  async watchChildren(path: string, changed: () => void): Promise<string[] | undefined> {
    const seen = await this.#watches.look('children', path, changed, async (watch) => {
      const names = await this.#children(path, watch);
      return { present: names !== undefined, names };
    });
    return seen.names;
  }

  /** Whoever waits for `changed` no longer does. */
  forget(changed: () => void): void {
    this.#watches.forget(changed);
  }

  async #exists(path: string, watch: boolean): Promise<Stat | undefined> {
    const answer = await this.#link.ask(`look at ${path}`, nodeExists(path, watch));
    if (answer.kind === 'ok') return answer.value;
    if (answer.code === codes.noNode) return undefined;
    throw this.#unexpected('look at', path, answer.code);
  }

  async #children(path: string, watch: boolean): Promise<string[] | undefined> {
    const answer = await this.#link.ask(`list ${path}`, getChildren(path, watch));
    if (answer.kind === 'ok') return answer.value;
    if (answer.code === codes.noNode) return undefined;
    throw this.#unexpected('list', path, answer.code);
  }

  #unexpected(verb: string, path: string, code: number): StoreError {
    const { servers } = this.#options;
    if (code === codes.noAuth || code === codes.authFailed) return refused(servers);
    return unavailable(servers, `can't ${verb} ${path} (ZooKeeper's code ${code})`);
  }
}
