/**
 * The namespaces that a dispatcher serves: those of the instance's registry, from when it is known that there are such.
 *
 * 1. `default` is always there. The others are known once the registry was read, which is tried for as long as it takes;
 *    until then nobody is told that a namespace doesn't exist.
 * 2. What another dispatcher makes is found when somebody asks for it, and when this one begins to lead `default`.
 * 3. One that can't be led keeps nobody from working in the others.
 * 4. Who leads `default` leads all of them (docs/adr/0021): what belongs to one of them at most is decided where all are known.
 */
import { defaultNamespace } from '@pogo/core';
import { backoffDelayMs, type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { StoreError } from '@pogo/store';
import type { Logger } from 'pino';
import type { Leader } from '../leader/leader.js';
import type { NamespaceOrders } from '../workers/namespace-orders.js';
import type { OrderingNamespaces } from '../workers/worker-links.js';
import type { Allotment, NamespaceIdentity, NamespaceRegistry } from './namespace-registry.js';
import type { ServedNamespace } from './served-namespace.js';

export interface ServedNamespacesOptions {
  registry: NamespaceRegistry;
  /** @param within whose reign its reigns are within (4) */
  make: (identity: NamespaceIdentity, within: Leader | undefined) => ServedNamespace;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

const retryBackoff = { firstMs: 100, maxMs: 5000 };

export class ServedNamespaces implements Service, OrderingNamespaces {
  /** The namespace `default`. */
  readonly default: ServedNamespace;
  readonly #options: ServedNamespacesOptions;
  readonly #state = new ServiceState();
  readonly #served: ServedNamespace[] = [];
  #isKnown = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: ServedNamespacesOptions) {
    this.#options = options;
    this.default = options.make(defaultNamespace, undefined);
    this.#served.push(this.default);
    this.default.leader.observe({ taken: () => this.#readAgain() });
  }

  /** Those that are known, by number. */
  get all(): readonly ServedNamespace[] {
    return this.#served;
  }

  /** Whether these are all that there are (1). */
  get isComplete(): boolean {
    return this.#isKnown;
  }

  /** Resolves when campaigning for `default` has begun. */
  start(): Promise<void> {
    return this.#state.start(async () => {
      await this.default.start();
      this.#readAgain();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(async () => {
      await this.#reading;
      await Promise.all(this.#served.map((served) => served.stop()));
    });
  }

  orders(namespace: number): NamespaceOrders | undefined {
    return this.#served.find(({ identity }) => identity.number === namespace)?.orders;
  }

  allOrders(): readonly NamespaceOrders[] {
    return this.#served.map(({ orders }) => orders);
  }

  /** By name; rejects with a StoreError when it isn't known whether there is such a one. */
  find(name: string): Promise<ServedNamespace | undefined> {
    return this.#find(({ identity }) => identity.name === name);
  }

  /** By number; rejects as {@link find} does. */
  withNumber(number: number): Promise<ServedNamespace | undefined> {
    return this.#find(({ identity }) => identity.number === number);
  }

  /** Makes a namespace, unless there is one of that name; rejects as {@link find} does. */
  async create(
    name: string,
  ): Promise<{ kind: 'made' | 'known'; served: ServedNamespace } | { kind: 'full' }> {
    const allotment: Allotment = await this.#options.registry.allot(name);
    if (allotment.kind === 'full') return allotment;
    const served = await this.#serve(allotment.identity);
    if (allotment.kind === 'known') return { kind: 'known', served };
    this.#options.logger.info({ ...allotment.identity }, 'a namespace was made');
    return { kind: 'made', served };
  }

  /** All that there are, once they are known (1); rejects as {@link find} does. */
  async known(): Promise<readonly ServedNamespace[]> {
    if (!this.#isKnown) await this.#refresh();
    return this.#served;
  }

  /** Reads the registry once; rejects with a StoreError. */
  async #refresh(): Promise<void> {
    for (const identity of await this.#options.registry.list()) await this.#serve(identity);
    this.#isKnown = true;
  }

  async #find(isWanted: (served: ServedNamespace) => boolean): Promise<ServedNamespace | undefined> {
    const found = this.#served.find(isWanted);
    if (found !== undefined) return found;
    await this.#refresh();
    return this.#served.find(isWanted);
  }

  /** (2), and (1) at the start */
  #readAgain(): void {
    this.#reading = this.#reading.then(() => this.#readUntilRead());
  }

  async #readUntilRead(): Promise<void> {
    const { clock, random, logger } = this.#options;
    for (let failures = 0; !this.#state.stopping; failures++) {
      try {
        await this.#refresh();
        return;
      } catch (error) {
        const code = error instanceof StoreError ? error.code : undefined;
        logger.error({ code, err: error }, 'the list of namespaces could not be read');
        // Damage and newer formats stay: whoever asks for a namespace is told.
        if (code !== 'store-unavailable') return;
      }
      await delay(clock, backoffDelayMs(retryBackoff, failures, random()), this.#state.signal);
    }
  }

  async #serve(identity: NamespaceIdentity): Promise<ServedNamespace> {
    const present = this.#served.find((served) => served.identity.number === identity.number);
    if (present !== undefined) return present;
    const served = this.#options.make(identity, this.default.leader);
    this.#served.push(served);
    this.#served.sort((one, other) => one.identity.number - other.identity.number);
    if (!this.#state.stopping) await served.start();
    return served;
  }
}
