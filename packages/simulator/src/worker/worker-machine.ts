/**
 * A machine that runs a worker and starts it again after a crash. What runs is the production worker; its links, its
 * rexecs and its disk are simulated.
 */
import { AttachmentCache, type ProcessIdentity, Worker } from '@pogo/worker';
import { recipientOf } from '../certificates.js';
import { SimulatedRexec, type RexecSurroundings } from '../hosts/simulated-rexec.js';
import type { Network } from '../network/network.js';
import { SimulatedDialer } from '../network/simulated-dialer.js';
import type { Random } from '../random.js';
import { SimulatedProcess } from '../simulated-process.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import { type MountedDisk, SimulatedDisk } from './simulated-disk.js';
import { type JournalBug, JournalFile, SimulatedJournal } from './simulated-journal.js';

export interface WorkerMachineOptions {
  name: string;
  dispatchers: readonly string[];
  time: VirtualTime;
  trace: Trace;
  random: Random;
  network: Network;
  script: RexecSurroundings['script'];
  maxConnections: number;
  wallStartMs: number;
  journalBug: JournalBug | undefined;
  violated: (rule: string, what: string) => void;
}

export class WorkerMachine {
  readonly name: string;
  readonly #options: WorkerMachineOptions;
  readonly #disk: SimulatedDisk;
  readonly #journalFile: JournalFile;
  #process: SimulatedProcess | undefined;
  #rexecs: SimulatedRexec[] = [];
  #starts = 0;
  #rexecNumber = 0;

  constructor(options: WorkerMachineOptions) {
    const { name, time, random } = options;
    this.#options = options;
    this.name = name;
    this.#disk = new SimulatedDisk({ time, random: random.fork('disk') });
    this.#journalFile = new JournalFile(`journal of ${name}`);
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { name, time, trace, network, script, maxConnections } = this.#options;
    const random = this.#options.random.fork(`start ${this.#starts++}`);
    const process = new SimulatedProcess({
      name,
      time,
      wallOffsetMs: this.#options.wallStartMs + random.integer(-120_000, 120_000),
    });
    this.#process = process;
    trace.add(name, 'starts');
    const worker = new Worker({
      dispatchers: this.#options.dispatchers,
      pools: ['default'],
      tls: { key: '', cert: '', ca: '' },
      recipient: recipientOf(name),
      sealingKeyFile: '/sealing.key',
      knownHostsFile: '/known_hosts',
      authPlugins: {},
      allowAgentForwarding: false,
      spool: spoolOn(this.#disk.mountedFor(process)),
      maxConnections,
      maxHandshakes: maxConnections,
      rexec: { argv: [], environment: {} },
      journal: new SimulatedJournal({
        file: this.#journalFile,
        process,
        random: random.fork('journal'),
        trace,
        bug: this.#options.journalBug,
      }),
      endProcess: (pid) => this.#rexecOf(pid)?.process.crash(),
      isProcessAlive: ({ pid }: ProcessIdentity) => this.#rexecOf(pid)?.process.isAlive === true,
      attachmentsDirectory: '/attachments',
      attachmentCache: new NoAttachments({
        directory: '/attachments',
        dispatchers: [],
        tls: { key: '', cert: '', ca: '' },
        clock: process.clock,
        random: () => random.next(),
        log: this.#log(),
      }),
      incarnation: `${name}-${this.#starts}`,
      clock: process.clock,
      random: () => random.next(),
      log: this.#log(),
      dial: (options) => new SimulatedDialer(options, { network, process, name }),
      startRexec: () =>
        this.#startRexec({ time, trace, script, random: random.fork(`rexec ${this.#rexecNumber}`) }),
    });
    void worker.start();
  }

  /** Ends without a word; with the whole machine, whatever was not synced may be lost, and its rexecs end with it. */
  crash(restartAfterMs: number, isPowerFailure: boolean): void {
    const { time, trace } = this.#options;
    const process = this.#process;
    if (process === undefined) return;
    trace.add(this.name, isPowerFailure ? 'loses power' : 'crashes');
    this.#process = undefined;
    process.crash();
    this.#journalFile.crash(this.#options.random);
    if (isPowerFailure) {
      this.#disk.crash();
      for (const rexec of this.#rexecs) rexec.process.crash();
    }
    time.schedule(restartAfterMs, () => this.start());
  }

  freeze(forMs: number): void {
    if (this.#process === undefined) return;
    this.#options.trace.add(this.name, `is frozen for ${Math.round(forMs)} ms`);
    this.#process.freeze(forMs);
  }

  /** One of its rexecs is ended by SIGKILL. */
  killRexec(random: Random): void {
    const live = this.#liveRexecs;
    if (live.length > 0) random.pick(live).process.crash();
  }

  /** One of its SSH connections breaks. */
  cutHost(random: Random): void {
    const candidates = this.#liveRexecs.flatMap((rexec) => rexec.connected.map((host) => ({ rexec, host })));
    if (candidates.length === 0) return;
    const { rexec, host } = random.pick(candidates);
    rexec.cut(host);
  }

  #rexecOf(pid: number): SimulatedRexec | undefined {
    return this.#rexecs.find((rexec) => rexec.pid === pid);
  }

  get #liveRexecs(): SimulatedRexec[] {
    this.#rexecs = this.#rexecs.filter(({ process }) => process.isAlive);
    return this.#rexecs;
  }

  #startRexec(surroundings: RexecSurroundings): SimulatedRexec {
    const pid = ++this.#rexecNumber;
    const rexec = new SimulatedRexec({
      ...surroundings,
      pid,
      worker: { process: this.#process!, name: this.name },
    });
    this.#rexecs.push(rexec);
    return rexec;
  }

  #log() {
    const { name, trace, violated } = this.#options;
    const remark = (fields: object, message: string) => {
      if (trace.isPrinted) trace.remark(name, `${message} ${JSON.stringify(fields)}`);
    };
    return {
      debug: remark,
      info: remark,
      warn: remark,
      error: (fields: object, message: string) => {
        remark(fields, message);
        if (message === 'an order could not be handled')
          violated('bug', `${name}: ${message} ${JSON.stringify(fields)}`);
      },
    };
  }
}

function spoolOn(disk: MountedDisk) {
  const openFile = (path: string, flags: number) => disk.openFile(path, flags);
  return { directory: '/spool', retentionMs: 86_400_000, maxBytesPerHost: 1_000_000, openFile, folder: disk };
}

/** No job of a simulation brings a script. */
class NoAttachments extends AttachmentCache {
  override start(): Promise<void> {
    return Promise.resolve();
  }
}
