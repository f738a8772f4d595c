/**
 * The daemon, put together. It decides nothing: it takes orders, has rexec run them, keeps output, and reports.
 */
import { type Clock, delay, type Service, ServiceState } from '@pogo/lifecycle';
import { type HelloParams, productVersion, type Recipient, spokenVersions } from '@pogo/protocol';
import type { LinkTls } from '@pogo/wire';
import { AcceptedHostKeys } from './accepted-host-keys.js';
import { AttachmentCache } from './attachment-cache.js';
import { AttemptBook } from './attempt-book.js';
import { ConnectionSlots } from './connection-slots.js';
import { DispatcherContact } from './dispatcher-contact.js';
import { type Dial, DispatcherLink } from './dispatcher-link.js';
import type { Journal } from './journal/journal.js';
import type { Log } from './log.js';
import type { WorkerFigures } from './metrics/gauges.js';
import { OrderDesk } from './order-desk.js';
import { Outbox } from './outbox.js';
import { recover } from './recovery.js';
import type { ProcessIdentity } from './process-identity.js';
import { RexecPool } from './rexec-pool.js';
import type { Rexec, RexecCommand } from './rexec-process.js';
import { Spool, type SpoolOptions } from './spool.js';

/** How long a stopping worker waits for kills to be confirmed, and for its last reports to be taken. */
const killLimitMs = 5_000;
const lastReportsLimitMs = 5_000;
/** How long a stopping worker waits for a journal that takes nothing. */
const journalLimitMs = 5_000;

export interface WorkerOptions {
  /** `wss://HOST:PORT` of every dispatcher. */
  dispatchers: readonly string[];
  pools: readonly string[];
  tls: LinkTls;
  /** What clients seal for: name, key id and certificate of this worker. */
  recipient: Recipient;
  /** PEM file that rexec alone opens. */
  sealingKeyFile: string;
  /** known_hosts of this worker; grows by what `accept-new` meets. */
  knownHostsFile: string;
  authPlugins: Record<string, string>;
  /** Offers of a job's agent to hosts are allowed. */
  allowAgentForwarding: boolean;
  spool: Pick<SpoolOptions, 'directory' | 'retentionMs' | 'openFile' | 'folder'> & {
    /** Output of one attempt that is kept, both streams together. */
    maxBytesPerHost: number;
  };
  /** Where scripts that came with jobs are kept while these are open. */
  attachmentsDirectory: string;
  /** Whether rexec has an account of its own, and reads scripts by the group. */
  scriptsForGroup?: boolean;
  maxConnections: number;
  maxHandshakes: number;
  rexec: RexecCommand;
  /** What an earlier process left is reported first; closed with the worker. */
  journal: Journal;
  /** Ends exactly this process, at once. */
  endProcess: (pid: number) => void;
  /** Whether that process is still there; asks the system unless told otherwise. */
  isProcessAlive?: (process: ProcessIdentity) => boolean;
  /** Changes with every start. */
  incarnation: string;
  clock: Clock;
  random: () => number;
  log: Log;
  /** What it works through; TLS, child processes and the directory of attachments unless told otherwise. */
  dial?: Dial;
  startRexec?: () => Rexec;
  attachmentCache?: AttachmentCache;
  /** A dispatcher has answered for the first time. */
  onFirstLinked?(): void;
}

export class Worker implements Service {
  readonly #options: WorkerOptions;
  readonly #state = new ServiceState();
  readonly #book: AttemptBook;
  readonly #contact: DispatcherContact;
  readonly #slots: ConnectionSlots;
  readonly #outbox: Outbox;
  readonly #pool: RexecPool;
  readonly #spool: Spool;
  readonly #attachments: AttachmentCache;
  readonly #desk: OrderDesk;
  readonly #links: DispatcherLink[];
  #wasLinked = false;

  constructor(options: WorkerOptions) {
    const { clock, random, log, journal } = options;
    this.#options = options;
    this.#book = AttemptBook.from(journal.state);
    this.#contact = new DispatcherContact(clock);
    this.#slots = new ConnectionSlots(options);
    this.#outbox = new Outbox({ book: this.#book, journal, clock, random, log });
    this.#pool = new RexecPool({
      command: options.rexec,
      startRexec: options.startRexec,
      clock,
      random,
      log,
    });
    this.#spool = new Spool({ ...options.spool, clock, log });
    this.#attachments =
      options.attachmentCache ??
      new AttachmentCache({
        ...options,
        directory: options.attachmentsDirectory,
        forGroup: options.scriptsForGroup,
      });
    this.#desk = new OrderDesk({
      book: this.#book,
      spool: this.#spool,
      settings: {
        sealingKeyFile: options.sealingKeyFile,
        kid: options.recipient.kid,
        workerKnownHostsFile: options.knownHostsFile,
        authPlugins: options.authPlugins,
        outputLimitBytes: options.spool.maxBytesPerHost,
        allowAgentForwarding: options.allowAgentForwarding,
      },
      attachments: this.#attachments,
      pool: this.#pool,
      slots: this.#slots,
      contact: this.#contact,
      journal,
      outbox: this.#outbox,
      hostKeys: new AcceptedHostKeys(options.knownHostsFile),
      clock,
      log,
    });
    this.#links = options.dispatchers.map((url) => this.#link(url));
  }

  start(): Promise<void> {
    return this.#state.start(async () => {
      await this.#spool.start();
      await this.#attachments.start();
      await recover({ ...this.#options, outbox: this.#outbox });
      for (const link of this.#links) await link.start();
    });
  }

  /** What it has in hand, for metrics. */
  figures(): Pick<WorkerFigures, 'name' | 'dispatchers' | 'linked' | 'jobs' | 'held' | 'slots' | 'outbox'> {
    const { recipient, dispatchers, maxConnections, maxHandshakes } = this.#options;
    const { held: connections, dialling } = this.#slots;
    return {
      name: recipient.worker,
      dispatchers: dispatchers.length,
      linked: this.#contact.links,
      jobs: this.#desk.openJobs,
      held: this.#book.heldCount,
      slots: { connections, maxConnections, dialling, maxHandshakes },
      outbox: this.#outbox.waiting(),
    };
  }

  /**
   * Lets what runs come to its end for `limitMs`, and kills it then; begins nothing more. Resolves when nothing runs
   * and the reports were taken, or waited for long enough.
   */
  async drain(limitMs: number): Promise<void> {
    const { log } = this.#options;
    log.info({ held: this.#book.heldCount, limitMs }, 'stopping: nothing more begins, what runs may end');
    this.#desk.refuseFurther('the worker is stopping');
    await this.#within(journalLimitMs, this.#desk.upToDate());
    if (!(await this.#within(limitMs, this.#desk.idle()))) {
      log.warn({ held: this.#book.heldCount }, 'stopping: what still runs is killed');
      this.#desk.kill();
      if (!(await this.#within(killLimitMs, this.#desk.idle()))) this.#desk.killRexecs();
      await this.#within(journalLimitMs, this.#desk.idle());
    }
    if (!(await this.#within(lastReportsLimitMs, this.#outbox.emptied()))) {
      log.error(
        { held: this.#book.heldCount },
        'stopping: the last reports were not taken by any dispatcher',
      );
    }
  }

  /** Ends at once; what runs is cut off. `drain` comes first where there is time. */
  stop(): Promise<void> {
    return this.#state.stop(async () => {
      this.#desk.refuseFurther('the worker is stopping');
      this.#desk.killRexecs();
      await this.#pool.stop();
      const closed = this.#desk.stop();
      await this.#within(journalLimitMs, closed);
      // What still waits for the journal is answered now, if only by that nothing came of it.
      await this.#options.journal.close();
      await closed;
      await this.#attachments.stop();
      await Promise.all(this.#links.map((link) => link.stop()));
      this.#outbox.stop();
      await this.#spool.stop();
    });
  }

  #link(url: string): DispatcherLink {
    const { tls, dial, clock, random, log } = this.#options;
    return new DispatcherLink({
      url,
      tls,
      dial,
      desk: this.#desk,
      spool: this.#spool,
      clock,
      random,
      log,
      hello: () => this.#hello(),
      onLinked: () => this.#linked(),
      onUnlinked: () => this.#contact.lost(),
      onLed: (namespace, link) => this.#outbox.attach(namespace, link),
      onUnled: (namespace, link) => this.#outbox.detach(namespace, link),
    });
  }

  #linked(): void {
    this.#contact.gained();
    this.#slots.distribute();
    if (this.#wasLinked) return;
    this.#wasLinked = true;
    this.#options.onFirstLinked?.();
    // Only now: starting a process competes with everything else that starts on this machine.
    void this.#pool.start().catch(() => undefined);
  }

  #hello(): HelloParams {
    const { incarnation, pools, maxConnections, recipient, journal } = this.#options;
    return {
      ...spokenVersions,
      version: productVersion,
      incarnation,
      pools: [...pools],
      capacity: maxConnections,
      recipient,
      journal: journal.id,
    };
  }

  /** Whether it came within the time. */
  async #within(limitMs: number, awaited: Promise<void>): Promise<boolean> {
    const inTime = new AbortController();
    const timeOver = delay(this.#options.clock, limitMs, inTime.signal).then(() => false);
    const came = await Promise.race([awaited.then(() => true), timeOver]);
    inTime.abort();
    return came;
  }
}
