/** Dispatchers of one instance over one store in memory, by their real listeners, and others that a test has in its hand. */
import { MemoryBacking, type Store } from '@pogo/store';
import { expect, vi } from 'vitest';
import type { DispatcherLimits } from '../../src/dispatcher-limits.js';
import type { Cluster, RunningDispatcher } from './cluster.js';
import { issuePapers, type Papers } from './papers.js';
import { ScriptedDispatcher, type ScriptedDispatcherOptions } from './scripted-dispatcher.js';

/** Nothing here takes that long, unless the machine is busy. */
export const waiting = { timeout: 60_000, interval: 10 };

export class SeveralDispatchers {
  readonly backing = new MemoryBacking();
  readonly #cluster: Cluster;
  readonly #handles: Store[] = [];
  readonly #scripted: ScriptedDispatcher[] = [];
  #papers: Papers | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  handle(): Store {
    const opened = this.backing.openHandle();
    this.#handles.push(opened);
    return opened;
  }

  /** Each has a directory of its own for scripts. */
  attachmentsOf(name: string): string {
    return `${this.#cluster.instance.layout.dispatcher.attachments}-${name}`;
  }

  /** One that is ready. */
  async dispatcher(name: string, limits: Partial<DispatcherLimits> = {}): Promise<RunningDispatcher> {
    const running = await this.#cluster.dispatcher({
      store: this.handle(),
      name,
      attachments: this.attachmentsOf(name),
      limits: { takeoverWaitMs: 500, vaultRefillMs: 5, ...limits },
    });
    await running.dispatcher.ready();
    return running;
  }

  /** `one` leads, `two` follows, and each is connected to the other. */
  async pair(
    limits: Partial<DispatcherLimits> = {},
  ): Promise<{ one: RunningDispatcher; two: RunningDispatcher }> {
    const one = await this.dispatcher('one');
    const two = await this.dispatcher('two', limits);
    await Promise.all([sees(one, 1), sees(two, 1)]);
    return { one, two };
  }

  /** `three`, which a test has in its hand, connected to these. */
  async third(
    to: readonly string[],
    more: Partial<ScriptedDispatcherOptions> = {},
  ): Promise<ScriptedDispatcher> {
    const { instance } = this.#cluster;
    const papers = (this.#papers ??= issuePapers(instance, 'three', 'dispatcher'));
    const made = new ScriptedDispatcher({ instance, papers, documents: this.handle().documents, ...more });
    this.#scripted.push(made);
    await made.start();
    for (const name of to) await made.connectedTo(name);
    return made;
  }

  async stop(): Promise<void> {
    await this.#cluster.stop();
    for (const dispatcher of this.#scripted) await dispatcher.stop();
    for (const handle of this.#handles) await handle.close();
  }
}

/** Resolves when a scrape of the dispatcher has this line. */
export async function metric({ api }: RunningDispatcher, line: string): Promise<void> {
  await vi.waitFor(async () => {
    const { body } = await api.call('/metrics');
    expect(body.toString().split('\n')).toContain(line);
  }, waiting);
}

/** Resolves when it counts so many others as connected. */
export function sees(running: RunningDispatcher, others: number): Promise<void> {
  return metric(running, `pogo_dispatchers_connected ${others}`);
}
