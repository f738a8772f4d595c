/**
 * A TCP proxy on loopback that misbehaves by command or from a seed: the network between two parts of a system, whatever
 * they speak.
 *
 * 1. Bytes arrive in order and unaltered as far as they arrive: it delays, cuts and silences, as a network does.
 * 2. What it does from a seed depends on how many connections and bytes came, never on the time.
 * 3. `stop` leaves no socket and no timer.
 */
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { type Timer, systemClock } from '@pogo/lifecycle';
import { SeededRandom } from './seeded-random.js';

/** What becomes of one connection. */
export type ConnectionFate =
  /** Both sides see a reset once so many bytes went to the server, mostly in the middle of a message. */
  | { kind: 'cut'; afterBytes: number }
  /** Once so many bytes went to the server nothing passes any more, in either direction, and neither side is told. */
  | { kind: 'half-open'; afterBytes: number }
  | { kind: 'late'; delayMs: number }
  | { kind: 'well' };

/** A fate that befalls `weight` of all connections, its number chosen between the two bounds, both included. */
export type FateOdds = { weight: number } & (
  | { kind: 'cut' | 'half-open'; afterBytes: readonly [number, number] }
  | { kind: 'late'; delayMs: readonly [number, number] }
  | { kind: 'well' }
);

export interface FlakyProxyOptions {
  /** Port on 127.0.0.1 where the real server listens. */
  targetPort: number;
  /** The fates of connections; all go well when absent. */
  odds?: readonly FateOdds[];
  /** Chooses among them; 1 by default. */
  seed?: number;
}

export interface FlakyProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Connections that were accepted so far. */
  connections(): number;
  /** Cuts and silences that were some connection's fate, and that have happened so far. */
  faults(): number;
  /** What passes from now on, on connections old and new, arrives so much later, in milliseconds. */
  delay(delays: { toServerMs?: number; toClientMs?: number }): void;
  /** Resets all connections that are open now. */
  cut(): void;
  /** Passes only `bytes` more to the server, over all connections, then resets the one that wanted to send more. */
  cutAfter(bytes: number): void;
  /** Black hole: nothing passes in either direction, on connections old and new, and nobody is told. */
  silence(): void;
  /** Ends the silence: what was held back arrives now, as on a network that was away for a while. */
  resume(): void;
  /** Refuses (resets at once) connections made from now on, or takes them again. */
  refuse(refuse: boolean): void;
  stop(): Promise<void>;
}

interface Direction {
  from: Socket;
  to: Socket;
  side: 'toServer' | 'toClient';
  /** What came and wasn't passed on yet, in order; null stands for the end. */
  waiting: { dueMs: number; chunk: Buffer | null }[];
  timer: Timer | undefined;
}

class Link {
  readonly #proxy: ProxyState;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #directions: readonly Direction[];
  readonly #fate: ConnectionFate;
  #sentBytes = 0;
  #silent = false;

  constructor(proxy: ProxyState, client: Socket, fate: ConnectionFate) {
    this.#proxy = proxy;
    this.#fate = fate;
    this.#client = client;
    this.#server = connect({ host: '127.0.0.1', port: proxy.targetPort, allowHalfOpen: true });
    this.#server.setNoDelay(true);
    client.setNoDelay(true);
    this.#directions = [
      { from: client, to: this.#server, side: 'toServer', waiting: [], timer: undefined },
      { from: this.#server, to: client, side: 'toClient', waiting: [], timer: undefined },
    ];
    for (const direction of this.#directions) {
      direction.from.on('data', (chunk: Buffer) => this.#arrived(direction, chunk));
      direction.from.on('end', () => this.#arrived(direction, null));
      direction.from.on('error', () => this.reset());
      direction.from.on('close', () => this.#closed());
    }
  }

  reset(): void {
    for (const direction of this.#directions) {
      direction.timer?.cancel();
      direction.timer = undefined;
      direction.waiting = [];
      if (direction.from.destroyed) continue;
      direction.from.resetAndDestroy();
      // Without waiting until all is written that nobody may ever read.
      direction.from.destroy();
    }
    this.#proxy.links.delete(this);
  }

  /** Passes on what is due. */
  pump(): void {
    for (const direction of this.#directions) this.#pump(direction);
  }

  #closed(): void {
    if (this.#client.destroyed && this.#server.destroyed) this.reset();
    // A socket that was destroyed by its peer's reset: the other side must hear of it, unless nothing passes.
    else if (!this.#isSilent() && this.#directions.every(({ waiting }) => waiting.length === 0)) this.reset();
  }

  #isSilent(): boolean {
    return this.#silent || this.#proxy.silent;
  }

  #arrived(direction: Direction, chunk: Buffer | null): void {
    const late = this.#fate.kind === 'late' ? this.#fate.delayMs : 0;
    const dueMs = systemClock.monotonicMs() + this.#proxy.delays[direction.side] + late;
    direction.waiting.push({ dueMs, chunk });
    this.#pump(direction);
  }

  #pump(direction: Direction): void {
    direction.timer?.cancel();
    direction.timer = undefined;
    while (!this.#isSilent()) {
      const [next] = direction.waiting;
      if (next === undefined) break;
      const restMs = next.dueMs - systemClock.monotonicMs();
      if (restMs > 0) {
        direction.timer = systemClock.setTimer(Math.ceil(restMs), () => this.#pump(direction));
        return;
      }
      direction.waiting.shift();
      if (next.chunk === null) direction.to.end();
      else if (!this.#pass(direction, next.chunk)) return;
    }
    if (direction.from.destroyed && direction.waiting.length === 0 && !this.#isSilent()) this.#closed();
  }

  /** False once the connection is no more. */
  #pass(direction: Direction, chunk: Buffer): boolean {
    if (direction.side === 'toClient') {
      direction.to.write(chunk);
      return true;
    }
    const fate = this.#fate;
    const ordered =
      fate.kind === 'cut' || fate.kind === 'half-open' ? fate.afterBytes - this.#sentBytes : Infinity;
    const allowed = Math.max(0, Math.min(ordered, this.#proxy.bytesUntilCut));
    if (allowed >= chunk.byteLength) {
      this.#sentBytes += chunk.byteLength;
      this.#proxy.bytesUntilCut -= chunk.byteLength;
      direction.to.write(chunk);
      return true;
    }
    if (allowed > 0) direction.to.write(chunk.subarray(0, allowed));
    this.#sentBytes += allowed;
    if (ordered <= this.#proxy.bytesUntilCut) {
      this.#proxy.faults += 1;
      if (fate.kind === 'half-open') {
        this.#silent = true;
        return false;
      }
    } else {
      this.#proxy.bytesUntilCut = Infinity;
    }
    // The part that was allowed must arrive: a reset would throw it away where it is.
    direction.to.end(() => this.reset());
    return false;
  }
}

function fateOf(odds: readonly FateOdds[], random: SeededRandom): ConnectionFate {
  let rest = random.below(odds.reduce((sum, { weight }) => sum + weight, 0));
  for (const each of odds) {
    rest -= each.weight;
    if (rest >= 0) continue;
    switch (each.kind) {
      case 'cut':
      case 'half-open':
        return { kind: each.kind, afterBytes: random.between(...each.afterBytes) };
      case 'late':
        return { kind: 'late', delayMs: random.between(...each.delayMs) };
      case 'well':
        return { kind: 'well' };
    }
  }
  return { kind: 'well' };
}

interface ProxyState {
  readonly targetPort: number;
  readonly links: Set<Link>;
  delays: { toServer: number; toClient: number };
  silent: boolean;
  bytesUntilCut: number;
  faults: number;
}

export async function startFlakyProxy(options: FlakyProxyOptions): Promise<FlakyProxy> {
  const state: ProxyState = {
    targetPort: options.targetPort,
    links: new Set(),
    delays: { toServer: 0, toClient: 0 },
    silent: false,
    bytesUntilCut: Infinity,
    faults: 0,
  };
  const random = new SeededRandom(options.seed ?? 1);
  let connections = 0;
  let refusing = false;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    if (refusing) {
      socket.on('error', () => undefined);
      socket.resetAndDestroy();
      return;
    }
    state.links.add(new Link(state, socket, fateOf(options.odds ?? [], random)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const link of [...state.links]) link.reset();
  };
  let stopping: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    faults: () => state.faults,
    delay({ toServerMs, toClientMs }) {
      state.delays = {
        toServer: toServerMs ?? state.delays.toServer,
        toClient: toClientMs ?? state.delays.toClient,
      };
    },
    cut,
    cutAfter(bytes) {
      state.bytesUntilCut = bytes;
    },
    silence() {
      state.silent = true;
    },
    resume() {
      state.silent = false;
      for (const link of [...state.links]) link.pump();
    },
    refuse(refuse) {
      refusing = refuse;
    },
    stop() {
      // One may have been waiting to be taken.
      refusing = true;
      stopping ??= new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      });
      return stopping;
    },
  };
}
