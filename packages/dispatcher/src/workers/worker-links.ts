/**
 * The connections of workers: who they are, and which namespace it is that they speak of.
 *
 * 1. A worker has one connection at most: a newer one replaces the older.
 * 2. What it says of a job goes to the namespace that the job's number names; each namespace that is led here hears of a
 *    connection, and gives its orders by itself.
 */
import { namespaceNumberOf } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import {
  commonVersion,
  dispatcherMethods,
  type HelloParams,
  helloParamsSchema,
  type HelloResult,
  productVersion,
  type ReportParams,
  reportParamsSchema,
  returnCredentialsParamsSchema,
  showVersions,
  spokenVersions,
} from '@pogo/protocol';
import { method, MethodError, type Peer, type PeerHandlers } from '@pogo/wire';
import type { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { NamespaceOrders } from './namespace-orders.js';
import { checkSealingCertificate } from './sealing-certificate.js';
import type { WorkerRecord, WorkerRegistry } from './worker-registry.js';
import { WorkerSession } from './worker-session.js';

/** The namespaces that a dispatcher serves, as far as workers have to do with them. */
export interface OrderingNamespaces {
  /** Of the namespace of that number; undefined when it isn't served here. */
  orders(namespace: number): NamespaceOrders | undefined;
  allOrders(): readonly NamespaceOrders[];
}

export interface WorkerLinksOptions {
  /** Name of this dispatcher. */
  name: string;
  namespaces: OrderingNamespaces;
  registry: WorkerRegistry;
  sealingRoot: X509Certificate;
  clock: Clock;
  logger: Logger;
}

const notLeading = new MethodError('not-leading', 'this dispatcher does not lead just now: try again');
const helloFirst = new MethodError('hello-first', 'say hello before anything else');

export class WorkerLinks {
  readonly #options: WorkerLinksOptions;
  readonly #peers = new Set<Peer>();
  #stopped = false;

  constructor(options: WorkerLinksOptions) {
    this.#options = options;
  }

  /** What is served to one connected worker. */
  serve(peer: Peer): PeerHandlers {
    const { name } = peer.identity;
    let session: WorkerSession | undefined;
    this.#peers.add(peer);
    void peer.closed.then(({ code, reason }) => {
      this.#peers.delete(peer);
      this.#options.logger.info({ worker: name, code, reason }, 'a worker has disconnected');
      if (session !== undefined) this.#disconnected(session);
    });
    return {
      methods: {
        [dispatcherMethods.hello]: method(helloParamsSchema, (hello) => {
          if (session !== undefined) throw new MethodError('hello-twice', 'say hello once per connection');
          const greeted = this.#greet(peer, hello);
          session = greeted.session;
          return greeted.result;
        }),
        [dispatcherMethods.report]: method(reportParamsSchema, async (params) => {
          if (session === undefined) throw helloFirst;
          if ((await this.#report(name, params)) === 'lost') throw notLeading;
          return {};
        }),
        [dispatcherMethods.returnCredentials]: method(returnCredentialsParamsSchema, async (params) => {
          const kid = this.#options.registry.get(name)?.recipient.kid;
          if (session === undefined || kid === undefined) throw helloFirst;
          const orders = this.#options.namespaces.orders(namespaceNumberOf(params.job));
          const taken = (await orders?.bringCredentials(name, kid, params)) ?? 'lost';
          if (taken === 'lost') throw notLeading;
          if (taken === 'refused') {
            throw new MethodError(
              'not-wanted',
              `credentials for job ${params.job} are not wanted from ${name}`,
            );
          }
          return {};
        }),
      },
      binary: (bytes) => session?.receive(bytes),
      failed: (failed, error) =>
        this.#options.logger.error({ err: error, method: failed }, 'a handler failed'),
    };
  }

  /** Ends every connection: workers connect anew. */
  closeAll(reason: string): void {
    for (const { session } of this.#options.registry.all()) if (session) this.#disconnected(session);
    for (const peer of this.#peers) peer.close(1012, reason);
  }

  stop(): void {
    this.#stopped = true;
    this.closeAll('the dispatcher stops');
    this.#options.registry.stop();
  }

  /** By namespace; `lost` when one of these isn't led here, and then all of it is said again (A6). */
  async #report(worker: string, { reports, passwordRefused }: ReportParams): Promise<'taken' | 'lost'> {
    const numbers = new Set([...reports.map(({ job }) => job), ...passwordRefused].map(namespaceNumberOf));
    const outcomes = await Promise.all(
      [...numbers].map((namespace) => {
        const ours = (job: number) => namespaceNumberOf(job) === namespace;
        const params = {
          reports: reports.filter(({ job }) => ours(job)),
          passwordRefused: passwordRefused.filter(ours),
        };
        return this.#options.namespaces.orders(namespace)?.report(worker, params) ?? 'lost';
      }),
    );
    return outcomes.includes('lost') ? 'lost' : 'taken';
  }

  /** @throws MethodError with which it is turned away; that is said here, too. */
  #greet(peer: Peer, hello: HelloParams): { session: WorkerSession; result: HelloResult } {
    try {
      return this.#hello(peer, hello);
    } catch (error) {
      if (error instanceof MethodError) {
        const { code, message } = error;
        this.#options.logger.warn(
          { worker: peer.identity.name, code, reason: message },
          'a worker was turned away',
        );
      }
      throw error;
    }
  }

  #hello(peer: Peer, hello: HelloParams): { session: WorkerSession; result: HelloResult } {
    const { name } = peer.identity;
    const { registry, clock, logger, sealingRoot } = this.#options;
    const protocol = commonVersion(hello, spokenVersions);
    if (protocol === undefined) {
      throw new MethodError(
        'protocol-mismatch',
        `worker ${name} (${hello.version}) speaks version ${showVersions(hello)} of the link, dispatcher ${this.#options.name} (${productVersion}) version ${showVersions(spokenVersions)}: install the same release on both, or neighbouring ones`,
      );
    }
    const check = checkSealingCertificate(hello.recipient, {
      worker: name,
      sealingRoot,
      nowMs: clock.wallMs(),
    });
    if (!check.ok) throw new MethodError('sealing-certificate', check.message);
    const present = registry.get(name);
    if (present?.session !== undefined && present.journal !== hello.journal) {
      // To take it in would give up every attempt of the one that works.
      throw new MethodError(
        'name-taken',
        `a worker ${name} with another journal is connected: give each worker a name and certificates of its own, or wait until that one is gone`,
      );
    }
    // From here on nothing new is planned for the older connection: what it hasn't delivered, this one resends.
    const replaced = present?.session;
    if (replaced !== undefined) {
      this.#disconnected(replaced);
      replaced.peer.close(4001, 'replaced by a newer connection of the same worker');
    }
    const record = registry.greet(name, hello, check.recipient);
    const session = new WorkerSession({ peer, incarnation: record.incarnation, logger });
    const { version, capacity } = hello;
    logger.info({ worker: name, version, capacity }, 'a worker has connected');
    // The worker has to know that it was taken before it is spoken to.
    clock.setTimer(0, () => this.#begin(record, session));
    return { session, result: { dispatcher: this.#options.name, version: productVersion, protocol } };
  }

  #begin(record: WorkerRecord, session: WorkerSession): void {
    const { registry, namespaces } = this.#options;
    if (this.#stopped || !this.#peers.has(session.peer)) return;
    registry.connected(record, session);
    for (const orders of namespaces.allOrders()) orders.greet(record);
  }

  #disconnected(session: WorkerSession): void {
    session.closed();
    const { registry, namespaces } = this.#options;
    const record = registry.get(session.peer.identity.name);
    // A newer connection may have taken its place; one that ended before it was attached has left nothing behind.
    if (record?.session !== session) return;
    registry.left(record);
    for (const orders of namespaces.allOrders()) orders.left(record.name);
  }
}
