import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Sums over the jobs that have not ended. */
export interface OpenJobs {
  jobs: number;
  /** Of these, jobs that wait for credentials. */
  needCredentials: number;
  /** Hosts that are asked what became of their command. */
  asked: number;
  /** By state. */
  hosts: ReadonlyMap<string, number>;
}

/** What `/metrics` tells, in Prometheus's terms; durations in seconds, as its conventions ask. */
export class Metrics {
  readonly registry = new Registry();
  readonly entries: Counter;
  readonly appendSeconds: Histogram;
  readonly followers: Gauge<'kind'>;
  readonly #jobs: Gauge;
  readonly #hosts: Gauge<'state'>;
  readonly #workers: Gauge;
  readonly #needy: Gauge;
  readonly #asked: Gauge;

  constructor() {
    const registers = [this.registry];
    this.entries = new Counter({
      name: 'pogo_log_entries_total',
      help: 'Log entries appended by this dispatcher.',
      registers,
    });
    this.appendSeconds = new Histogram({
      name: 'pogo_log_append_seconds',
      help: 'Time that one append took until it was durable.',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.followers = new Gauge({
      name: 'pogo_followers',
      help: 'Open streams, by what they follow.',
      labelNames: ['kind'],
      registers,
    });
    this.#jobs = new Gauge({ name: 'pogo_jobs_open', help: 'Jobs that have not ended.', registers });
    this.#hosts = new Gauge({
      name: 'pogo_hosts',
      help: 'Hosts of jobs that have not ended, by state.',
      labelNames: ['state'],
      registers,
    });
    this.#workers = new Gauge({ name: 'pogo_workers_connected', help: 'Connected workers.', registers });
    this.#needy = new Gauge({
      name: 'pogo_jobs_needing_credentials',
      help: 'Open jobs whose credentials nobody holds any more.',
      registers,
    });
    this.#asked = new Gauge({
      name: 'pogo_hosts_asked',
      help: 'Hosts of unknown outcome that are being asked what became of their command.',
      registers,
    });
  }

  /** One append has succeeded. */
  appended(appendMs: number, entries: number): void {
    this.appendSeconds.observe(appendMs / 1000);
    this.entries.inc(entries);
  }

  /** The text that a scrape gets. */
  scrape(now: OpenJobs & { workers: number }): Promise<string> {
    this.#jobs.set(now.jobs);
    this.#needy.set(now.needCredentials);
    this.#asked.set(now.asked);
    this.#workers.set(now.workers);
    this.#hosts.reset();
    for (const [state, count] of now.hosts) this.#hosts.set({ state }, count);
    return this.registry.metrics();
  }
}
