/** Reads one NDJSON stream of the dispatcher to its end, across broken connections. */
import type { IncomingMessage } from 'node:http';
import { backoffDelayMs, type Clock, delay, type Timer } from '@pogo/lifecycle';
import type { Dispatcher } from '../api/dispatcher.js';
import { readLines } from '../api/line-reader.js';
import { exitCodes, failed, type Failure, type Result, success } from '../failure.js';

export interface StreamFollower<T> {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  /** For messages: the job. */
  readonly job: string;
  /** Where to read from, anew for every connection. */
  request(): { path: string; headers: Record<string, string> };
  /** Made while the first connection is. */
  readonly parser: Promise<(value: unknown) => T | undefined>;
  /** Takes one item; `end` when it was the last. Awaited before more is read: this is the back-pressure. */
  take(item: T): Promise<'more' | 'end'>;
  /** Whether a stream that ends here, unbroken, is whole; absent: it ends with an item that says so. */
  isWhole?(): boolean;
  /** After this long without an item the connection is taken for dead, and another one is made; absent: never. */
  idleMs?(): number | undefined;
  /** Told when the connection broke, and when it stands again. */
  onContact?(contact: boolean): void;
}

const backoff = { firstMs: 100, maxMs: 5000 };
const idleCheckMs = 5000;
/** Without contact for longer than this, following is given up; the job goes on. */
const patienceMs = 120_000;
/** Refusals that pass: the dispatcher is starting, or its store is away for a moment. */
const passing = [
  'dispatcher-unreachable',
  'not-ready',
  'store-unavailable',
  'leader-broke-off',
  'rate-limited',
];

/** Succeeds at the stream's end; `aborted` when `signal` was first. */
export async function followStream<T>(follower: StreamFollower<T>): Promise<Result<'end' | 'aborted'>> {
  const { dispatcher, clock, random, signal, job } = follower;
  let lastContactMs = clock.monotonicMs();
  for (let attempt = 0; !signal.aborted; attempt++) {
    const { path, headers } = follower.request();
    const streaming = dispatcher.stream(path, {
      headers: { accept: 'application/x-ndjson', ...headers },
      signal,
      once: true,
    });
    const [response, parse] = await Promise.all([streaming, follower.parser]);
    if (signal.aborted) break;
    let failure: Failure | undefined;
    if (response.ok) {
      follower.onContact?.(true);
      const read = await readStream(response.value, follower, parse);
      lastContactMs = clock.monotonicMs();
      if (read.items > 0) attempt = 0;
      if (read.end) return success('end');
      if (signal.aborted) break;
      if (read.invalid !== undefined) return failed(read.invalid);
      if (read.idle) continue;
    } else {
      failure = response.failure;
      if (!passing.includes(failure.code)) return failed(failure);
    }
    follower.onContact?.(false);
    if (clock.monotonicMs() - lastContactMs > patienceMs) return lostContact(job, failure);
    await delay(clock, backoffDelayMs(backoff, attempt, random()), signal);
  }
  return success('aborted');
}

interface StreamRead {
  items: number;
  end: boolean;
  /** We gave the connection up ourselves, since nothing came. */
  idle: boolean;
  invalid?: Failure;
}

async function readStream<T>(
  message: IncomingMessage,
  follower: StreamFollower<T>,
  parse: (value: unknown) => T | undefined,
): Promise<StreamRead> {
  const read: StreamRead = { items: 0, end: false, idle: false };
  const lines = readLines(message);
  const idle = new IdleWatch(follower, () => {
    read.idle = true;
    message.destroy();
  });
  try {
    for (;;) {
      let next: IteratorResult<string>;
      try {
        next = await lines.next();
      } catch {
        // The connection broke: the caller tries again from where this one stood.
        return read;
      }
      if (next.done === true) return { ...read, end: !read.idle && follower.isWhole?.() === true };
      idle.reset();
      if (next.value === '') continue;
      const item = parseLine(next.value, parse);
      if (item === undefined) {
        message.destroy();
        return { ...read, invalid: unexpectedLine(follower.dispatcher.url) };
      }
      read.items++;
      if ((await follower.take(item)) === 'end') {
        // What may follow is read to its end, so that the connection can be used again.
        message.resume();
        return { ...read, end: true };
      }
    }
  } finally {
    idle.stop();
  }
}

/** Notices a stream that has gone quiet for too long: one whose other end vanished says nothing at all. */
class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMs: () => number | undefined;
  readonly #onIdle: () => void;
  #lastMs: number;
  #timer: Timer;

  constructor(follower: Pick<StreamFollower<never>, 'clock' | 'idleMs'>, onIdle: () => void) {
    this.#clock = follower.clock;
    this.#idleMs = () => follower.idleMs?.();
    this.#onIdle = onIdle;
    this.#lastMs = this.#clock.monotonicMs();
    this.#timer = this.#arm();
  }

  reset(): void {
    this.#lastMs = this.#clock.monotonicMs();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #arm(): Timer {
    return this.#clock.setTimer(idleCheckMs, () => {
      const idleMs = this.#idleMs();
      if (idleMs !== undefined && this.#clock.monotonicMs() - this.#lastMs >= idleMs) this.#onIdle();
      else this.#timer = this.#arm();
    });
  }
}

function parseLine<T>(line: string, parse: (value: unknown) => T | undefined): T | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return parse(value);
}

function unexpectedLine(url: string): Failure {
  return {
    code: 'invalid-answer',
    message: `the dispatcher at ${url} sent something else than expected: is it of another version? See \`pogo ping\``,
    exitCode: exitCodes.error,
  };
}

function lostContact(job: string, failure: Failure | undefined): Result<never> {
  return failed({
    code: 'contact-lost',
    message: `no contact to a dispatcher for ${patienceMs / 1000} s${failure === undefined ? '' : ` (${failure.message})`}. The job may still run: \`pogo wait ${job}\` follows it again, \`pogo halt ${job}\` ends it`,
    exitCode: exitCodes.error,
  });
}
