/**
 * What `/metrics` tells, in Prometheus's terms: durations in seconds, sizes in bytes (docs/OPERATIONS.md says what to make
 * of it).
 *
 * 1. What happens is counted where it happens, once for each batch. Everything else is looked up at the scrape.
 * 2. Only who leads a namespace tells of its jobs and hosts: sums over dispatchers are right.
 * 3. All values of a label are told, those of nothing as 0: an alert can tell "none" from "nobody knows".
 */
import type { EndedJobState } from '@pogo/core';
import { productVersion } from '@pogo/protocol';
import type { StoreDescription } from '@pogo/store';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { NamespaceFigures } from './namespace-figures.js';
import type { ProcessUsage } from './process-usage.js';
import type { WorkerFigures } from './worker-figures.js';

/** As it is at the moment of a scrape. */
export interface Figures {
  namespaces: readonly NamespaceFigures[];
  workers: readonly WorkerFigures[];
  store: StoreDescription;
  /** Jobs whose sealed credentials are in memory here. */
  vaultJobs: number;
  /** Other dispatchers that are connected. */
  dispatchers: number;
  usage: ProcessUsage | undefined;
}

const endedStates: readonly EndedJobState[] = ['succeeded', 'failed', 'halted', 'deadlocked', 'expired'];

export class Metrics {
  readonly registry = new Registry();
  readonly followers: Gauge<'kind'>;
  /** `what`: `credentials` or `script`. */
  readonly keptAlone: Counter<'what'>;
  readonly #entries: Counter<'namespace'>;
  readonly #appendSeconds: Histogram<'namespace'>;
  readonly #appendEntries: Histogram<'namespace'>;
  readonly #ended: Counter<'namespace' | 'state'>;
  readonly #sessions: Counter<'driver'>;
  readonly #cpuSeconds: Counter;
  readonly #gauges = new Map<string, Gauge>();

  constructor() {
    const registers = [this.registry];
    this.#entries = new Counter({
      name: 'pogo_log_entries_total',
      help: 'Log entries appended by this dispatcher.',
      labelNames: ['namespace'],
      registers,
    });
    this.#appendSeconds = new Histogram({
      name: 'pogo_log_append_seconds',
      help: 'Time that one append took until it was durable, repetitions after doubt included.',
      labelNames: ['namespace'],
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    });
    this.#appendEntries = new Histogram({
      name: 'pogo_log_append_entries',
      help: 'Log entries in one append.',
      labelNames: ['namespace'],
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000],
      registers,
    });
    this.#ended = new Counter({
      name: 'pogo_jobs_ended_total',
      help: 'Jobs that have ended while this dispatcher led their namespace, by how.',
      labelNames: ['namespace', 'state'],
      registers,
    });
    this.#sessions = new Counter({
      name: 'pogo_store_sessions_total',
      help: 'Sessions with the store since the start: each beyond the first is one that was lost, and leadership with it.',
      labelNames: ['driver'],
      registers,
    });
    this.#cpuSeconds = new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Processor time that this process has used.',
      registers,
    });
    this.keptAlone = new Counter({
      name: 'pogo_held_alone_total',
      help: 'Times that credentials or a script were accepted without a copy at another dispatcher.',
      labelNames: ['what'],
      registers,
    });
    for (const what of ['credentials', 'script']) this.keptAlone.inc({ what }, 0);
    this.followers = new Gauge({
      name: 'pogo_followers',
      help: 'Open streams to clients, by what they follow.',
      labelNames: ['kind'],
      registers,
    });
    for (const kind of ['events', 'output']) this.followers.set({ kind }, 0);
    for (const [name, gauge] of Object.entries<GaugeDescription>(gauges)) {
      const { help, labels = [] } = gauge;
      this.#gauges.set(name, new Gauge({ name, help, labelNames: labels, registers }));
    }
  }

  /** One append has succeeded. */
  appended(namespace: string, appendMs: number, entries: number): void {
    this.#appendSeconds.observe({ namespace }, appendMs / 1000);
    this.#appendEntries.observe({ namespace }, entries);
    this.#entries.inc({ namespace }, entries);
  }

  jobEnded(namespace: string, state: EndedJobState): void {
    this.#ended.inc({ namespace, state });
  }

  /** The text that a scrape gets. */
  scrape(figures: Figures): Promise<string> {
    for (const gauge of this.#gauges.values()) gauge.reset();
    this.#set('pogo_build_info', 1, { version: productVersion });
    for (const namespace of figures.namespaces) this.#setNamespace(namespace);
    for (const worker of figures.workers) this.#setWorker(worker);
    const { driver, session } = figures.store;
    this.#set('pogo_store_connected', Number(session?.isConnected ?? true), { driver });
    this.#sessions.reset();
    this.#sessions.inc({ driver }, session?.begun ?? 1);
    this.#set('pogo_vault_jobs', figures.vaultJobs);
    this.#set('pogo_dispatchers_connected', figures.dispatchers);
    if (figures.usage !== undefined) {
      const { residentBytes, heapBytes, externalBytes, cpuSeconds } = figures.usage;
      this.#set('process_resident_memory_bytes', residentBytes);
      this.#set('nodejs_heap_size_used_bytes', heapBytes);
      this.#set('nodejs_external_memory_bytes', externalBytes);
      this.#cpuSeconds.reset();
      this.#cpuSeconds.inc(cpuSeconds);
    }
    return this.registry.metrics();
  }

  #setNamespace({ namespace, leads, isServed, term, logIndex, led }: NamespaceFigures): void {
    this.#set('pogo_leader', Number(leads), { namespace });
    this.#set('pogo_leader_known', Number(isServed), { namespace });
    if (term !== undefined) this.#set('pogo_term', term, { namespace });
    if (logIndex !== undefined) this.#set('pogo_log_index', logIndex, { namespace });
    for (const state of endedStates) this.#ended.inc({ namespace, state }, 0);
    // (2)
    if (led === undefined) return;
    for (const [name, { count, quietMs }] of Object.entries(led.jobs)) {
      this.#set('pogo_jobs', count, { namespace, class: name });
      this.#set('pogo_job_quiet_seconds', quietMs / 1000, { namespace, class: name });
    }
    for (const [state, count] of Object.entries(led.hosts))
      this.#set('pogo_hosts', count, { namespace, state });
    for (const [cause, count] of Object.entries(led.waiting))
      this.#set('pogo_hosts_waiting', count, { namespace, cause });
    this.#set('pogo_hosts_asked', led.asked, { namespace });
  }

  #setWorker({ worker, isConnected, isDraining, capacity, assigned }: WorkerFigures): void {
    this.#set('pogo_worker_connected', Number(isConnected), { worker });
    this.#set('pogo_worker_draining', Number(isDraining), { worker });
    this.#set('pogo_worker_assigned_hosts', assigned, { worker });
    if (capacity !== undefined) this.#set('pogo_worker_capacity_hosts', capacity, { worker });
  }

  #set(name: keyof typeof gauges, value: number, labels: Record<string, string> = {}): void {
    this.#gauges.get(name)!.set(labels, value);
  }
}

interface GaugeDescription {
  help: string;
  labels?: readonly string[];
}

/** Set at each scrape (1). */
const gauges = {
  pogo_build_info: { help: 'Always 1; the label is the version.', labels: ['version'] },
  pogo_leader: { help: '1 where this dispatcher leads the namespace, else 0.', labels: ['namespace'] },
  pogo_leader_known: {
    help: '1 where this dispatcher leads the namespace or follows who does, else 0: its requests wait.',
    labels: ['namespace'],
  },
  pogo_term: {
    help: 'Log index of the entry that took the leadership last, as far as this dispatcher has seen the log.',
    labels: ['namespace'],
  },
  pogo_log_index: {
    help: 'Index of the last batch of the log that this dispatcher has seen; the highest of all dispatchers is the end.',
    labels: ['namespace'],
  },
  pogo_jobs: {
    help: 'Open jobs by what they do: active (hosts under way), waiting (hosts wait, none is under way), ramp, held, needs-credentials. Told by who leads.',
    labels: ['namespace', 'class'],
  },
  pogo_job_quiet_seconds: {
    help: 'Of the open jobs of the class, the longest time without a word in the log, counted from the takeover at most. Told by who leads.',
    labels: ['namespace', 'class'],
  },
  pogo_hosts: { help: 'Hosts of open jobs, by state. Told by who leads.', labels: ['namespace', 'state'] },
  pogo_hosts_waiting: {
    help: 'Hosts of open jobs that have no worker yet, each under the first thing that it waits for. Told by who leads.',
    labels: ['namespace', 'cause'],
  },
  pogo_hosts_asked: {
    help: 'Hosts of unknown outcome that are being asked what became of their command. Told by who leads.',
    labels: ['namespace'],
  },
  pogo_worker_connected: {
    help: '1 where the worker is connected to this dispatcher, else 0.',
    labels: ['worker'],
  },
  pogo_worker_draining: {
    help: '1 where the worker gets no further host since somebody said so, else 0.',
    labels: ['worker'],
  },
  pogo_worker_capacity_hosts: {
    help: 'Hosts that the worker takes at once, as it said when it connected.',
    labels: ['worker'],
  },
  pogo_worker_assigned_hosts: {
    help: 'Hosts that the worker has and that are not over, in all namespaces, as far as this dispatcher has seen the logs.',
    labels: ['worker'],
  },
  pogo_store_connected: {
    help: '1 while a server of the store is at the other end, or it needs none, else 0.',
    labels: ['driver'],
  },
  pogo_dispatchers_connected: { help: 'Other dispatchers that are connected to this one.' },
  pogo_vault_jobs: { help: 'Jobs whose sealed credentials are in the memory of this dispatcher.' },
  process_resident_memory_bytes: { help: 'Memory of this process, what the system gave it.' },
  nodejs_heap_size_used_bytes: { help: "Of it, what the engine's heap uses." },
  nodejs_external_memory_bytes: { help: 'Of it, buffers outside of the heap.' },
} as const satisfies Record<string, GaugeDescription>;
