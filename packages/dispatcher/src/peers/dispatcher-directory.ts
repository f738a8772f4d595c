/**
 * Where the dispatchers of an instance are reached: one small document for each, which it writes when it starts. It says
 * nothing about who leads, nor whom to trust: that is what certificates are for.
 */
import { backoffDelayMs, type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { type Documents, StoreError } from '@pogo/store';
import type { Logger } from 'pino';
import * as z from 'zod';

export interface DispatcherDirectoryOptions {
  documents: Documents;
  /** Name of this dispatcher. */
  name: string;
  /** `https://HOST:PORT` at which the others reach its API; asked for once it listens. */
  url: () => string;
  /** `wss://HOST:PORT` at which they reach the listener of links. */
  link: () => string;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

const folder = 'dispatchers/';
const retryBackoff = { firstMs: 100, maxMs: 5000 };

const recordSchema = z.object({
  format: z.literal(1),
  url: z.string(),
  /** Absent: of an earlier release, which has no link for dispatchers. */
  link: z.string().optional(),
});

export class DispatcherDirectory implements Service {
  readonly #options: DispatcherDirectoryOptions;
  readonly #state = new ServiceState();
  #announcing: Promise<void> = Promise.resolve();

  constructor(options: DispatcherDirectoryOptions) {
    this.#options = options;
  }

  /** Resolves when announcing has begun: a store that is away just now is no reason not to serve. */
  start(): Promise<void> {
    return this.#state.start(() => {
      this.#announcing = this.#announce();
      return Promise.resolve();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(() => this.#announcing);
  }

  /** Where the dispatcher of that name is reached; undefined when it never said. Rejects with a StoreError. */
  async urlOf(name: string): Promise<string | undefined> {
    return (await this.#recordOf(name))?.url;
  }

  /**
   * The links of the others by their names, at once and again whenever one has changed. Ends when `signal` aborts or the
   * store is closed; rejects with a StoreError.
   */
  async *others(signal: AbortSignal): AsyncGenerator<ReadonlyMap<string, string>> {
    const { documents, name: own } = this.#options;
    for await (const listed of documents.watch(folder, signal)) {
      const links = new Map<string, string>();
      for (const name of listed.map(({ key }) => key.slice(folder.length))) {
        const link = name === own ? undefined : (await this.#recordOf(name))?.link;
        if (link !== undefined) links.set(name, link);
      }
      yield links;
    }
  }

  async #recordOf(name: string): Promise<z.infer<typeof recordSchema> | undefined> {
    const found = await this.#options.documents.get(`${folder}${name}`);
    if (found === undefined) return undefined;
    const parsed = recordSchema.safeParse(parseJson(Buffer.from(found.value).toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  }

  async #announce(): Promise<void> {
    const { documents, name, url, link, clock, random, logger } = this.#options;
    const record = Buffer.from(JSON.stringify({ format: 1, url: url(), link: link() }));
    for (let failures = 0; !this.#state.stopping; failures++) {
      try {
        const key = `${folder}${name}`;
        const present = await documents.get(key);
        if (present === undefined || !record.equals(present.value)) await documents.put(key, record, 'any');
        return;
      } catch (error) {
        const code = error instanceof StoreError ? error.code : undefined;
        if (code === 'store-closed') return;
        logger.error({ code, err: error }, 'the other dispatchers can not be told where this one is');
        if (code !== 'store-unavailable') return;
      }
      await delay(clock, backoffDelayMs(retryBackoff, failures, random()), this.#state.signal);
    }
  }
}

/** Undefined: none. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
