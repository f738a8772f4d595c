/** Where processes listen and dial; the weather on the wires between them. */
import type { PeerDialerOptions, PeerHandlers, PeerListenerOptions } from '@pogo/wire';
import type { Random } from '../random.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import type { Call, CallTampering, CallWatcher } from './call.js';
import { Connection } from './connection.js';
import { SimulatedPeer } from './simulated-peer.js';

export interface NetworkOptions {
  time: VirtualTime;
  trace: Trace;
  random: Random;
  watchers: readonly CallWatcher[];
  tampering: CallTampering | undefined;
  /** How likely a frame is to be late by up to `mostLateMs`. */
  lateness: { probability: number; mostLateMs: number };
  /** How likely a call that may come twice does. */
  doubling: { probability: number };
}

interface Listener {
  process: SimulatedProcess;
  onPeer: PeerListenerOptions['onPeer'];
}

export type Dialled = { kind: 'up'; peer: SimulatedPeer } | { kind: 'failed'; reason: string };

const doublable = ['job.assign', 'job.settle', 'job.halt', 'worker.report'];

export class Network {
  readonly #options: NetworkOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #latest = new Map<string, SimulatedPeer>();
  #connections: Connection[] = [];
  #numbers = 0;
  /** No new connection comes about until then. */
  #partedUntilMs = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  listen(url: string, process: SimulatedProcess, onPeer: PeerListenerOptions['onPeer']): void {
    const listener = { process, onPeer };
    this.#listeners.set(url, listener);
    process.onExit(() => {
      if (this.#listeners.get(url) === listener) this.#listeners.delete(url);
    });
  }

  /** `onUp` is called in the very turn in which the connection opens, with what will be served on it. */
  dial(
    process: SimulatedProcess,
    name: string,
    { url, handlers }: Pick<PeerDialerOptions, 'url' | 'handlers'>,
    done: (dialled: Dialled) => void,
  ): void {
    const { time } = this.#options;
    const answer = (dialled: Dialled, afterMs: number) =>
      void time.schedule(afterMs, () => process.deliver(() => done(dialled)));
    time.schedule(this.delayMs(), () => {
      const listener = this.#listeners.get(url);
      if (listener === undefined || time.nowMs < this.#partedUntilMs) {
        answer({ kind: 'failed', reason: 'refused' }, this.delayMs());
        return;
      }
      listener.process.deliver(() => {
        const connection = this.#connect([process, listener.process]);
        const served = this.#peer(connection, 1, listener.process, { role: 'worker', name });
        served.serve(listener.onPeer(served));
        time.schedule(this.delayMs(), () =>
          process.deliver(() => {
            const peer = this.#peer(connection, 0, process, {
              role: 'dispatcher',
              name: listener.process.name,
            });
            const given: PeerHandlers = typeof handlers === 'function' ? handlers(peer) : handlers;
            peer.serve(given);
            done({ kind: 'up', peer });
          }),
        );
      });
    });
  }

  /** Calls the latest end of whoever has that name, as if somebody had sent it: for planted bugs. */
  inject(call: Call): void {
    this.#latest.get(call.callee)?.inject(call.method, call.params);
  }

  /** Holds up what is under way between these, or on some connection. */
  stall(random: Random, between: readonly string[], forMs: number): void {
    this.#connections = this.#connections.filter((connection) => !connection.isOver);
    const concerned = this.#connections.filter((connection) => connection.connects(between));
    const candidates = concerned.length > 0 ? concerned : this.#connections;
    if (candidates.length > 0) random.pick(candidates).stall(forMs);
  }

  /** Cuts a connection that is up, if there is one. */
  cutOne(random: Random): void {
    this.#connections = this.#connections.filter((connection) => !connection.isOver);
    if (this.#connections.length === 0) return;
    const notice = () => (random.chance(0.6) ? random.spread(0.1, 2000) : undefined);
    random.pick(this.#connections).cut([notice(), notice()]);
  }

  /** Cuts all, and lets no new one come about for a while. */
  part(forMs: number, random: Random): void {
    this.#partedUntilMs = Math.max(this.#partedUntilMs, this.#options.time.nowMs + forMs);
    for (const connection of this.#connections) {
      connection.cut([random.chance(0.5) ? 1 : undefined, random.chance(0.5) ? 1 : undefined]);
    }
  }

  delayMs(): number {
    const { random, lateness } = this.#options;
    return random.chance(lateness.probability)
      ? random.spread(20, lateness.mostLateMs)
      : random.spread(0.1, 4);
  }

  /** From here on frames are late no more. */
  calm(): void {
    this.#options.lateness.probability = 0;
    this.#options.doubling.probability = 0;
    this.#partedUntilMs = 0;
  }

  /** Only what is idempotent by contract: an opening that came again after the closing would be another order. */
  #doubledMs(method: string): number | undefined {
    const { random, doubling, lateness } = this.#options;
    if (!doublable.includes(method) || !random.chance(doubling.probability)) return undefined;
    return random.spread(0.1, lateness.mostLateMs);
  }

  #connect(processes: readonly [SimulatedProcess, SimulatedProcess]): Connection {
    const { time, trace, random } = this.#options;
    const connection = new Connection(
      { number: this.#numbers++, time, trace, random, delayMs: () => this.delayMs() },
      processes,
    );
    this.#connections.push(connection);
    return connection;
  }

  #peer(
    connection: Connection,
    side: 0 | 1,
    process: SimulatedProcess,
    identity: SimulatedPeer['identity'],
  ): SimulatedPeer {
    const { watchers, tampering } = this.#options;
    const peer = new SimulatedPeer({
      connection: connection.number,
      process,
      identity,
      transmit: (frame) => connection.transmit(side, frame),
      over: () => connection.overFor(side),
      watchers,
      tampering,
      doubledMs: (method) => this.#doubledMs(method),
    });
    connection.attach(side, peer);
    this.#latest.set(process.name, peer);
    return peer;
  }
}
