/**
 * Another dispatcher of an instance as a test wants it: it says in the store where it is, notes what it is to hold, and can ask
 * those that connect to it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '@pogo/lifecycle';
import {
  dispatcherLinkPath,
  dispatcherPeerMethods,
  type FetchCredentialsParams,
  fetchCredentialsParamsSchema,
  type FetchCredentialsResult,
  fetchCredentialsResultSchema,
  type HoldCredentialsParams,
  holdAttachmentParamsSchema,
  holdAttachmentResultSchema,
  holdCredentialsParamsSchema,
  type SealedCredentials,
  withdrawCredentialsParamsSchema,
} from '@pogo/protocol';
import type { Documents } from '@pogo/store';
import { method, MethodError, type Peer, PeerListener } from '@pogo/wire';
import type { TestInstance } from './instance.js';
import type { Papers } from './papers.js';

export interface ScriptedDispatcherOptions {
  instance: TestInstance;
  papers: Papers;
  documents: Documents;
  /** Its name in the directory; that of its papers unless told. */
  announcedAs?: string;
  /** Whether and when it says that it holds credentials; at once unless told. */
  hold?: (params: HoldCredentialsParams) => Promise<void>;
  /** Whether it says that it holds scripts; it does unless told. */
  holdsAttachments?: boolean;
  /** What it hands out; nothing unless told. */
  fetch?: (wanted: FetchCredentialsParams) => FetchCredentialsResult;
  /** Answers requests for attachments; without it there are none. */
  onRequest?: (request: IncomingMessage, response: ServerResponse) => void;
}

export class ScriptedDispatcher {
  readonly held: HoldCredentialsParams[] = [];
  readonly withdrawn: string[] = [];
  readonly #options: ScriptedDispatcherOptions;
  readonly #listener: PeerListener;
  readonly #peers = new Map<string, Peer>();
  #watchers: (() => void)[] = [];

  constructor(options: ScriptedDispatcherOptions) {
    this.#options = options;
    const { instance, papers, onRequest } = options;
    this.#listener = new PeerListener({
      listen: { host: '127.0.0.1', port: 0 },
      tls: {
        key: papers.linkKey,
        cert: papers.linkCertificate,
        ca: instance.read(instance.layout.instance.linkRootCertificate),
      },
      expectRole: 'worker',
      clock: systemClock,
      onPeer: () => ({ methods: {} }),
      doors: [
        {
          path: dispatcherLinkPath,
          expectRole: 'dispatcher',
          onPeer: (peer) => this.#serve(peer),
          ...(onRequest && { onRequest }),
        },
      ],
    });
  }

  async start(): Promise<this> {
    await this.#listener.start();
    const { documents, papers, announcedAs } = this.#options;
    const { port } = this.#listener.address;
    const record = { format: 1, url: 'https://127.0.0.1:1', link: `wss://127.0.0.1:${port}` };
    const key = `dispatchers/${announcedAs ?? papers.name}`;
    await documents.put(key, Buffer.from(JSON.stringify(record)), 'any');
    return this;
  }

  stop(): Promise<void> {
    return this.#listener.stop();
  }

  /** Resolves when the dispatcher of that name is connected, and knows that it is. */
  async connectedTo(name: string): Promise<void> {
    await this.until(() => this.#peers.has(name));
    // It serves its side, so it has this one among its own.
    await this.fetch(name, { job: 0, digest: `sha256:${'0'.repeat(64)}`, credentialsAtMs: 0 });
  }

  /** What that one hands out. */
  async fetch(name: string, wanted: FetchCredentialsParams): Promise<SealedCredentials | undefined> {
    const peer = this.#peers.get(name)!;
    const outcome = await peer.call(
      dispatcherPeerMethods.fetchCredentials,
      wanted,
      fetchCredentialsResultSchema,
      { timeoutMs: 30_000 },
    );
    if (outcome.kind !== 'ok') throw new Error(`fetch: ${outcome.kind}`);
    return outcome.value.kind === 'held' ? outcome.value.credentials : undefined;
  }

  /** What that one says to holding an attachment. */
  async offerAttachment(name: string, attachment: { sha256: string; bytes: number }): Promise<string> {
    const outcome = await this.#peers
      .get(name)!
      .call(dispatcherPeerMethods.holdAttachment, attachment, holdAttachmentResultSchema, {
        timeoutMs: 30_000,
      });
    return outcome.kind === 'error' ? outcome.code : outcome.kind;
  }

  /** Resolves once `condition` holds; looked at whenever something happens here. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  #serve(peer: Peer) {
    const { name } = peer.identity;
    this.#peers.set(name, peer);
    void peer.closed.then(() => {
      if (this.#peers.get(name) === peer) this.#peers.delete(name);
    });
    systemClock.setTimer(0, () => this.#changed());
    return {
      methods: {
        [dispatcherPeerMethods.holdCredentials]: method(holdCredentialsParamsSchema, async (params) => {
          this.held.push(params);
          this.#changed();
          await this.#options.hold?.(params);
          return { kind: 'held' };
        }),
        [dispatcherPeerMethods.withdrawCredentials]: method(withdrawCredentialsParamsSchema, ({ id }) => {
          this.withdrawn.push(id);
          this.#changed();
        }),
        [dispatcherPeerMethods.fetchCredentials]: method(
          fetchCredentialsParamsSchema,
          (wanted) => this.#options.fetch?.(wanted) ?? { kind: 'not-held' },
        ),
        [dispatcherPeerMethods.holdAttachment]: method(holdAttachmentParamsSchema, () => {
          if (this.#options.holdsAttachments === false)
            throw new MethodError('not-held', 'as the test wants');
          return { kind: 'held' };
        }),
      },
    };
  }

  #changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
