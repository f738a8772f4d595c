/**
 * The rexec of one job, and the second one when the first is lost; there is no third.
 *
 * 1. Sealed credentials are kept until the job is closed, in memory alone. A rexec has those that it was opened with: when
 *    others come, a fresh one takes its place, and it goes when what it runs has ended.
 * 2. A rexec is known to the journal before it holds an attempt: a worker that starts again waits for its end (A4).
 */
import type { OpenJobParams, OutputFrame, RexecMessage } from '@pogo/protocol';
import type { Journal } from './journal/journal.js';
import type { Log } from './log.js';
import type { RexecPool } from './rexec-pool.js';
import type { Rexec, RexecEnd } from './rexec-process.js';

/** A job's rexec may be lost once; then what is left is refused. */
const mostLostRexecs = 2;

/** What every rexec of this worker is told. */
export interface RexecSettings {
  sealingKeyFile: string;
  kid: string;
  workerKnownHostsFile: string;
  authPlugins: Record<string, string>;
  outputLimitBytes: number;
  allowAgentForwarding: boolean;
}

export interface JobRexecOptions {
  order: OpenJobParams;
  settings: RexecSettings;
  pool: RexecPool;
  journal: Journal;
  log: Log;
  message: (message: RexecMessage, from: Rexec) => void;
  output: (frame: OutputFrame) => void;
  /** It is gone, and all that it said was heard. `isReplaced`: another had taken its place before. */
  ended: (rexec: Rexec, end: RexecEnd & { isReplaced: boolean }) => void;
}

export class JobRexec {
  readonly #options: JobRexecOptions;
  #order: OpenJobParams | undefined;
  #current: Rexec | undefined;
  /** Those with older credentials that still run something. */
  readonly #replaced = new Set<Rexec>();
  #isJournaled: Promise<boolean> = Promise.resolve(true);
  #scriptFile: string | undefined;
  #losses = 0;
  #lastEnd = 'was not started';

  constructor(options: JobRexecOptions) {
    this.#options = options;
    this.#order = options.order;
  }

  get current(): Rexec | undefined {
    return this.#current;
  }

  /** Every one that may hold attempts. */
  get all(): Rexec[] {
    return [...this.#replaced, ...(this.#current === undefined ? [] : [this.#current])];
  }

  /** What came with the job's opening, as long as it is kept (1). */
  get order(): OpenJobParams | undefined {
    return this.#order;
  }

  /** Why there is none. */
  get refusal(): string {
    return `the worker's rexec ${this.#lastEnd}`;
  }

  /** For rexecs that are opened from now on. */
  set scriptFile(path: string) {
    this.#scriptFile = path;
  }

  /** Resolves once the journal knows the current one (2). */
  journaled(): Promise<boolean> {
    return this.#isJournaled;
  }

  /** The one that has the job, or a further one; undefined when there may be none. */
  ensure(): Rexec | undefined {
    if (this.#current !== undefined) return this.#current;
    if (this.#losses >= mostLostRexecs || this.#order === undefined) return undefined;
    const { job, digest, spec, credentials } = this.#order;
    const { pool, settings, message, output } = this.#options;
    const rexec = pool.take();
    this.#current = rexec;
    rexec.serve({ message: (given) => message(given, rexec), output });
    const script = this.#scriptFile === undefined ? {} : { scriptFile: this.#scriptFile };
    rexec.send({ type: 'open', job, digest, spec, credentials, ...settings, ...script });
    const { journal } = this.#options;
    this.#isJournaled = note(rexec, journal);
    void rexec.ended.then((end) => {
      if (rexec.identity !== undefined) journal.rexecEnded(rexec.identity);
      const isReplaced = this.#replaced.delete(rexec);
      if (!isReplaced) {
        this.#current = undefined;
        this.#lastEnd = end.description;
      }
      this.#options.ended(rexec, { ...end, isReplaced });
    });
    return rexec;
  }

  /** One was lost with what it held, or before the job was over. */
  countLoss(): void {
    this.#losses++;
  }

  /** The job was opened again, with credentials that may be others (1). */
  renew(order: OpenJobParams): void {
    if (this.#order?.credentials.ciphertext === order.credentials.ciphertext) return;
    this.#order = order;
    this.#losses = 0;
    const replaced = this.#current;
    this.#current = undefined;
    if (replaced === undefined) return;
    this.#replaced.add(replaced);
    replaced.send({ type: 'close' });
  }

  /** No further one is started, and the credentials go (1). */
  close(): void {
    this.#order = undefined;
    this.#current?.send({ type: 'close' });
  }
}

/** (2); one that isn't up yet may not know who it is. One that never comes up holds nothing. */
function note(rexec: Rexec, journal: Journal): Promise<boolean> {
  const { identity } = rexec;
  if (identity !== undefined) return journal.rexecStarted(identity);
  return rexec.ready.then(() => rexec.identity === undefined || journal.rexecStarted(rexec.identity));
}
