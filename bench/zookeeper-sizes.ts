import { delay, systemClock } from '@pogo/lifecycle';
import type { ZooKeeperEnsemble } from '@pogo/testkit';
import type { DataSize } from './zookeeper-figures.js';

const sampleEveryMs = 200;

/** What the leading server of an ensemble keeps in memory; nothing is known without one. */
export class EnsembleSizes {
  peak: DataSize | undefined;
  readonly #ensemble: ZooKeeperEnsemble | undefined;

  constructor(ensemble: ZooKeeperEnsemble | undefined) {
    this.#ensemble = ensemble;
  }

  async now(): Promise<DataSize | undefined> {
    const said = await (await this.#ensemble?.leader())?.ask('mntr');
    const figure = (name: string) =>
      Number(new RegExp(`^${name}\\t(\\d+)`, 'm').exec(said ?? '')?.[1] ?? NaN);
    if (said === undefined) return undefined;
    return { nodes: figure('zk_znode_count'), bytes: figure('zk_approximate_data_size') };
  }

  async sampleUntil(over: Promise<unknown>): Promise<void> {
    const stop = new AbortController();
    void over.then(() => stop.abort());
    while (!stop.signal.aborted) {
      const size = await this.now();
      if (size !== undefined && this.peak !== undefined) {
        const { nodes, bytes } = this.peak;
        this.peak = { nodes: Math.max(nodes, size.nodes), bytes: Math.max(bytes, size.bytes) };
      }
      await delay(systemClock, sampleEveryMs, stop.signal);
    }
  }
}
