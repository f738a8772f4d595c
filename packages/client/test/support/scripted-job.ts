/** The one job of a scripted dispatcher: what was submitted, how its hosts act, and what is told of it. */
import { foldTargets, type HostState, type Outcome, resolveTargets } from '@pogo/core';
import {
  type JobDocument,
  type JobEventDocument,
  jobEventSchema,
  type JobHostDocument,
  jobSchema,
  type OutputLine,
  type SubmitRequest,
} from '@pogo/protocol';
import { submitter } from './scripted-plan.js';

/** What one host of the scripted job does. */
export interface ScriptedHost {
  outcome: Outcome;
  stdout?: Uint8Array[];
  stderr?: Uint8Array[];
}

export interface ScriptedJobOptions {
  host?(name: string, attempt: number): ScriptedHost;
  /** Changes what is told of a host. */
  alterHost?(host: JobHostDocument): void;
  /** Begins jobs by losing their credentials: they go on once a verb brings others. */
  losesCredentials?: boolean;
  /** Keeps jobs running until {@link ScriptedJob.release} is called. */
  hold?: boolean;
}

type EventBody = JobEventDocument extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'id' | 'atMs'>
    : never
  : never;

export class ScriptedJob {
  submitted: SubmitRequest | undefined;
  readonly halts: boolean[] = [];
  /** Resolves when nothing keeps the job running. */
  readonly released: Promise<void>;
  readonly #options: ScriptedJobOptions;
  readonly #renewed: Promise<void>;
  #release: () => void = () => undefined;
  #renew: () => void = () => undefined;
  #needsCredentials = false;
  #ended: boolean;
  /** Hosts of each attempt: all of them at first, then those that were retried. */
  readonly #rounds: string[][] = [];

  constructor(options: ScriptedJobOptions) {
    this.#options = options;
    this.#ended = options.hold !== true;
    this.released =
      options.hold === true ? new Promise((resolve) => (this.#release = resolve)) : Promise.resolve();
    this.#renewed =
      options.losesCredentials === true
        ? new Promise((resolve) => (this.#renew = resolve))
        : Promise.resolve();
  }

  submit(submitted: SubmitRequest): void {
    this.submitted = submitted;
    this.#rounds.splice(0, Infinity, this.hosts);
    this.#needsCredentials = this.#options.losesCredentials === true;
  }

  get needsCredentials(): boolean {
    return this.#needsCredentials;
  }

  /** Credentials have come: the job goes on. */
  renew(): void {
    this.#needsCredentials = false;
    this.#renew();
  }

  retry(hosts: string[]): void {
    this.#rounds.push(hosts);
  }

  halt(kill: boolean): void {
    this.halts.push(kill);
    this.release();
  }

  /** Lets a held job go on to its end. */
  release(): void {
    this.#ended = true;
    this.#release();
  }

  /** Lets nobody wait any longer, and the job as it is. */
  abandon(): void {
    this.#release();
    this.#renew();
  }

  get hosts(): string[] {
    const expanded = resolveTargets(this.submitted!.spec.targets);
    return expanded.ok ? expanded.targets.map(({ host }) => host) : [];
  }

  get document(): JobDocument {
    const { spec, digest, limits } = this.submitted!;
    const counts: Partial<Record<HostState, number>> = {};
    for (const { state } of this.hostDocuments()) counts[state] = (counts[state] ?? 0) + 1;
    const state = this.#needsCredentials
      ? 'needs-credentials'
      : this.#ended
        ? this.#endAfter(this.#rounds.length)
        : 'running';
    return jobSchema.parse({
      id: 'p0000000012',
      state,
      title: 'a title',
      submitter: spec.submitter,
      namespace: spec.namespace,
      digest,
      hosts: this.hosts.length,
      counts,
      limits,
      acceptedAtMs: 1,
      ...(this.halts.length > 0 && {
        halt: { by: submitter, cause: 'request', kill: this.halts.includes(true) },
      }),
    });
  }

  /** The hosts as they stand. */
  hostDocuments(): JobHostDocument[] {
    return this.hosts.map((host) => {
      const attempt = this.#attemptOf(host);
      const { outcome } = this.#script(host, attempt);
      const over = this.#ended && !this.#needsCredentials;
      const document: JobHostDocument = over
        ? { host, state: outcome.state, attempt, outcome: { ...outcome, methodsTried: undefined } }
        : { host, state: 'running', attempt };
      this.#options.alterHost?.(document);
      return document;
    });
  }

  /** Tells all events after the one with this id, each when it happens; resolves after the job's last end. */
  async tellEvents(after: string, tell: (event: JobEventDocument) => void): Promise<void> {
    const seen = after.split('.').map(Number) as [number, number];
    for (let round = 0; round < this.#rounds.length; round++) {
      let position = 0;
      await this.#tellRound(round, (event) => {
        const id = [7 + round, position++] as const;
        if (id[0] < seen[0] || (id[0] === seen[0] && id[1] <= seen[1])) return;
        tell(jobEventSchema.parse({ ...event, id: id.join('.'), atMs: 1 }));
      });
    }
  }

  /** The events of one attempt, from its beginning to the end of the job. */
  async #tellRound(round: number, tell: (event: EventBody) => void): Promise<void> {
    const hosts = this.#rounds[round]!;
    const folded = foldTargets(hosts.map((host) => ({ host })));
    const states = (state: HostState) =>
      tell({ type: 'hosts-state', state, hosts: folded, count: hosts.length });
    tell({ type: 'job-state', state: 'running', counts: { waiting: hosts.length } });
    if (round > 0) states('waiting');
    states('running');
    if (this.#options.losesCredentials === true && round === 0) {
      tell({ type: 'job-state', state: 'needs-credentials', counts: {} });
      await this.#renewed;
      tell({ type: 'job-state', state: 'running', counts: {} });
    }
    await this.released;
    for (const host of hosts) {
      const { outcome } = this.#script(host, round + 1);
      tell({
        type: 'host-finished',
        host,
        attempt: round + 1,
        outcome: jobEventSchema.options[2].shape.outcome.parse(outcome),
      });
    }
    tell({ type: 'job-state', state: this.#endAfter(round + 1), counts: {} });
  }

  /** Every piece of output, hosts taking turns. */
  outputLines(): OutputLine[] {
    const queues = this.#rounds.flatMap((hosts, round) =>
      hosts.flatMap((host) =>
        (['stdout', 'stderr'] as const).map((stream) => ({
          host,
          attempt: round + 1,
          stream,
          offset: 0,
          pieces: [...(this.#script(host, round + 1)[stream] ?? [])],
        })),
      ),
    );
    const lines: OutputLine[] = [];
    for (let some = true; some;) {
      some = false;
      for (const queue of queues) {
        const piece = queue.pieces.shift();
        if (piece === undefined) continue;
        some = true;
        const { host, attempt, stream, offset } = queue;
        lines.push({
          type: 'output',
          host,
          attempt,
          stream,
          offset,
          data: Buffer.from(piece).toString('base64'),
        });
        queue.offset += piece.length;
      }
    }
    return lines;
  }

  /** All that the host's latest attempt has written. */
  outputOf(host: string, stream: 'stdout' | 'stderr'): Buffer {
    return Buffer.concat(this.#script(host, this.#attemptOf(host))[stream] ?? []);
  }

  #attemptOf(host: string, rounds = this.#rounds.length): number {
    return this.#rounds.slice(0, rounds).filter((hosts) => hosts.includes(host)).length;
  }

  /** How the job had ended after so many rounds. */
  #endAfter(rounds: number): 'halted' | 'succeeded' | 'failed' {
    if (this.halts.length > 0) return 'halted';
    const all = this.hosts.every(
      (host) => this.#script(host, this.#attemptOf(host, rounds)).outcome.state === 'succeeded',
    );
    return all ? 'succeeded' : 'failed';
  }

  #script(name: string, attempt: number): ScriptedHost {
    return this.#options.host?.(name, attempt) ?? { outcome: { state: 'succeeded', exitCode: 0 } };
  }
}
