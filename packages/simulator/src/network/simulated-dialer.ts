/** Keeps one simulated link up, as the production dialer does: same waits, same order of calls. */
import { backoffDelayMs, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { dialBackoff, linkLimits, type PeerDialerOptions } from '@pogo/wire';
import type { SimulatedProcess } from '../simulated-process.js';
import type { Dialled, Network } from './network.js';

export class SimulatedDialer implements Service {
  readonly #options: PeerDialerOptions;
  readonly #network: Network;
  readonly #process: SimulatedProcess;
  readonly #name: string;
  readonly #state = new ServiceState();

  /** @param from.name what its certificate says. */
  constructor(
    options: PeerDialerOptions,
    from: { network: Network; process: SimulatedProcess; name: string },
  ) {
    this.#options = options;
    this.#network = from.network;
    this.#process = from.process;
    this.#name = from.name;
  }

  start(): Promise<void> {
    return this.#state.start(() => {
      void this.#run();
      return Promise.resolve();
    });
  }

  stop(): Promise<void> {
    return this.#state.stop(() => Promise.resolve());
  }

  async #run(): Promise<void> {
    const { clock, random, onDisconnected, onDialFailed } = this.#options;
    for (let attempt = 0; !this.#state.stopping; attempt++) {
      const dialled = await this.#dial();
      if (dialled.kind === 'up') {
        const upSinceMs = clock.monotonicMs();
        const { reason } = await dialled.peer.closed;
        if (clock.monotonicMs() - upSinceMs >= dialBackoff.maxMs) attempt = 0;
        onDisconnected(reason);
      } else {
        onDialFailed?.(dialled.reason);
      }
      await delay(clock, backoffDelayMs(dialBackoff, attempt, random()), this.#state.signal);
    }
  }

  #dial(): Promise<Dialled> {
    const { clock, onConnected } = this.#options;
    return new Promise((resolve) => {
      const limit = clock.setTimer(linkLimits.handshakeMs, () => {
        isLate = true;
        resolve({ kind: 'failed', reason: 'no answer' });
      });
      let isLate = false;
      this.#network.dial(this.#process, this.#name, this.#options, (dialled) => {
        limit.cancel();
        if (isLate) {
          if (dialled.kind === 'up') dialled.peer.close(1000, 'too late');
          return;
        }
        resolve(dialled);
        if (dialled.kind === 'up') void onConnected(dialled.peer);
      });
    });
  }
}
