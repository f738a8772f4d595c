/**
 * One dispatcher's handle on the simulated store.
 *
 * 1. Everything takes time, and an answer shows the store as it was at some moment between question and answer.
 * 2. A doubtful append may stand in the log, may come to stand there later (also after its writer died), or never.
 * 3. In bad weather everything is `store-unavailable`; what was asked may have been done all the same.
 * 4. Reads may be stale, as a lagging member of an ensemble answers: then they show an older prefix.
 */
import {
  type AppendOutcome,
  type Batch,
  type Documents,
  type Leadership,
  type Log,
  type Store,
  type StoreDescription,
  StoreError,
} from '@pogo/store';
import type { Random } from '../random.js';
import type { SimulatedProcess } from '../simulated-process.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import type { Backing } from './backing.js';
import type { Elections } from './elections.js';

/** Probabilities of what can go wrong; all zero in calm weather. */
export interface StoreWeather {
  doubt: number;
  slow: number;
  staleRead: number;
  /** Until then nothing works: full, or out of reach. */
  outageUntilMs: number;
}

export interface SimulatedStoreOptions {
  backing: Backing;
  elections: Elections;
  process: SimulatedProcess;
  time: VirtualTime;
  trace: Trace;
  random: Random;
  weather: StoreWeather;
  /** Stands between the dispatcher and the log; for planted bugs. */
  wrapLog: (log: Log) => Log;
}

/** Longest that a create in doubt may still be on its way, in milliseconds. */
const latestCreateMs = 6000;

export class SimulatedStore implements Store {
  readonly documents: Documents;
  readonly leadership: Leadership;
  readonly #options: SimulatedStoreOptions;
  readonly #log: Log;

  constructor(options: SimulatedStoreOptions) {
    const { backing, elections, process, wrapLog } = options;
    this.#options = options;
    this.#log = wrapLog({
      append: (index, batch) => this.#append(index, batch),
      read: (from, limit) => this.#ask(() => backing.read(from, limit, this.#unseen())),
      follow: () => nothingFurther(),
      pointer: () => this.#ask(() => backing.pointer()),
      prune: (request) => this.#ask(() => backing.prune(request)),
    });
    this.documents = {
      get: (key) => this.#ask(() => backing.get(key)),
      put: (key, value, expected) => this.#ask(() => backing.put(key, value, expected)),
      delete: (key, expected) => this.#ask(() => backing.delete(key, expected)),
      list: (prefix) => this.#ask(() => backing.list(prefix)),
      watch: () => notFollowed(),
    };
    this.leadership = { campaign: (_name, signal) => elections.campaign(process, signal) };
  }

  log(): Log {
    return this.#log;
  }

  describe(): StoreDescription {
    return { driver: 'simulated', location: 'simulated:', formatVersion: 1 };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #append(index: number, batch: Batch): Promise<AppendOutcome> {
    const { backing, random, weather, trace, process, time } = this.#options;
    const create = () => backing.append(index, batch);
    const isOut = time.nowMs < weather.outageUntilMs;
    if (!isOut && !random.chance(weather.doubt)) return this.#ask(create);
    const doubt = unavailable('the connection was lost');
    const fate = isOut ? 'never' : random.pick(['before', 'late', 'never'] as const);
    trace.add(process.name, `append at ${index} is in doubt: ${fate}`);
    if (fate === 'late') time.schedule(random.spread(1, latestCreateMs), create);
    return new Promise((resolve, reject) => {
      time.schedule(this.#delayMs(), () => {
        if (fate === 'before') create();
        const throws = random.chance(0.3);
        time.schedule(this.#delayMs(), () =>
          process.deliver(() => (throws ? reject(doubt) : resolve({ kind: 'doubt', error: doubt }))),
        );
      });
    });
  }

  /** (1) */
  #ask<T>(act: () => T): Promise<T> {
    const { time, process, weather, random } = this.#options;
    return new Promise((resolve, reject) => {
      time.schedule(this.#delayMs(), () => {
        if (time.nowMs < weather.outageUntilMs) {
          process.deliver(() => reject(unavailable('no answer')));
          return;
        }
        const isLost = random.chance(weather.doubt / 2);
        const result = act();
        time.schedule(this.#delayMs(), () =>
          process.deliver(() => (isLost ? reject(unavailable('the answer was lost')) : resolve(result))),
        );
      });
    });
  }

  #unseen(): number {
    const { random, weather } = this.#options;
    return random.chance(weather.staleRead) ? random.integer(1, 3) : 0;
  }

  #delayMs(): number {
    const { random, weather } = this.#options;
    return random.chance(weather.slow) ? random.spread(10, 2000) : random.spread(0.05, 2);
  }
}

function unavailable(cause: string): StoreError {
  return new StoreError('store-unavailable', `simulated store: ${cause}`);
}

/** A dispatcher that doesn't lead sees the log as it was when it began to wait: nothing rests on what it shows. */
async function* nothingFurther(): AsyncGenerator<never> {
  // Ends at once, as that of a store that was closed.
}

/** Nobody streams in a simulation. */
function notFollowed(): never {
  throw new Error('the simulated store is not followed');
}
