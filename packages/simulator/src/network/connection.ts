/**
 * One connection between a worker and a dispatcher.
 *
 * 1. Each direction delivers in order, each frame once, as long as the connection lives: it is TCP.
 * 2. A cut loses whatever is under way; each side learns of it in its own time, or by the silence.
 * 3. What a process had sent before it died still arrives, and the end of the connection after it.
 */
import type { Random } from '../random.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import type { Frame, SimulatedPeer } from './simulated-peer.js';

export interface ConnectionOptions {
  number: number;
  time: VirtualTime;
  trace: Trace;
  random: Random;
  /** How long a frame takes, in milliseconds. */
  delayMs: () => number;
}

interface Side {
  process: SimulatedProcess;
  peer: SimulatedPeer | undefined;
  /** When the last frame towards this side arrives. */
  lastArrivalMs: number;
  /** Nothing arrives here before. */
  stalledUntilMs: number;
}

export class Connection {
  readonly number: number;
  readonly #options: ConnectionOptions;
  readonly #sides: [Side, Side];
  #isCut = false;
  #over = 0;

  constructor(options: ConnectionOptions, processes: readonly [SimulatedProcess, SimulatedProcess]) {
    this.number = options.number;
    this.#options = options;
    this.#sides = [sideOf(processes[0]), sideOf(processes[1])];
    processes.forEach((process, side) => process.onExit(() => this.transmit(side, { kind: 'end' })));
  }

  get isOver(): boolean {
    return this.#over === 2 || this.#sides.every(({ process }) => !process.isAlive);
  }

  attach(side: number, peer: SimulatedPeer): void {
    this.#sides[side]!.peer = peer;
  }

  /** A side holds the connection for over. */
  overFor(side: number): void {
    this.#over++;
    // Its kernel tells the other one, unless nothing gets through.
    if (this.#over === 1) this.transmit(side, { kind: 'end' });
  }

  /** From `side` to the other one. */
  transmit(side: number, frame: Frame): void {
    if (this.#isCut) return;
    const { time, delayMs } = this.#options;
    const target = this.#sides[1 - side]!;
    target.lastArrivalMs = Math.max(target.lastArrivalMs, target.stalledUntilMs, time.nowMs + delayMs());
    time.schedule(target.lastArrivalMs - time.nowMs, () => this.#reach(target, frame));
  }

  /** Everything on its way, both ways, takes so much longer. */
  stall(forMs: number): void {
    const { time, trace } = this.#options;
    trace.add('network', `connection ${this.number} stalls for ${Math.round(forMs)} ms`);
    for (const side of this.#sides) side.stalledUntilMs = time.nowMs + forMs;
  }

  connects(names: readonly string[]): boolean {
    return this.#sides.every(({ process }) => names.includes(process.name));
  }

  /** (2); `noticedMs` by side, undefined where only silence will tell. */
  cut(noticedMs: readonly [number | undefined, number | undefined]): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#options.trace.add('network', `connection ${this.number} is cut`);
    this.#sides.forEach((side, index) => {
      const afterMs = noticedMs[index];
      if (afterMs === undefined) return;
      this.#options.time.schedule(afterMs, () =>
        side.process.deliver(() => this.#arrive(side, { kind: 'end' })),
      );
    });
  }

  #reach(target: Side, frame: Frame): void {
    if (this.#isCut) return;
    const { time } = this.#options;
    // Those that come to wait here go on in the order in which they came.
    if (time.nowMs < target.stalledUntilMs) {
      time.schedule(target.stalledUntilMs - time.nowMs, () => this.#reach(target, frame));
    } else {
      target.process.deliver(() => this.#arrive(target, frame));
    }
  }

  #arrive(side: Side, frame: Frame): void {
    const { trace } = this.#options;
    if (frame.kind === 'text') trace.add(`${this.number}>${side.process.name}`, frame.text);
    else if (frame.kind === 'end' || frame.kind === 'close')
      trace.add(`${this.number}>${side.process.name}`, frame.kind);
    side.peer?.receive(frame);
  }
}

function sideOf(process: SimulatedProcess): Side {
  return { process, peer: undefined, lastArrivalMs: 0, stalledUntilMs: 0 };
}
