import {
  applyBatch,
  type ClusterState,
  compileNamespace,
  createState,
  decideAccept,
  type HostState,
  type JobAccepted,
  type JobLimits,
  type LogEntry,
  type Namespace,
  type NamespaceDefinition,
  type Outcome,
  plan,
  type PlanInput,
  type ReferredDocuments,
  resolveTargets,
} from '@pogo/core';

export const limits: JobLimits = { concurrent: null, maxFailures: null, jobTimeoutMs: 1_800_000 };

export function submission(
  overrides: Partial<Omit<JobAccepted, 'type' | 'job'>> = {},
): Omit<JobAccepted, 'type' | 'job'> {
  return {
    digest: `sha256:${'0'.repeat(64)}`,
    specRef: 'specs/1',
    idempotencyKey: 'key-1',
    submitter: 'ada',
    namespace: 'default',
    title: 'true',
    hosts: 1,
    recipients: ['kid-a'],
    provesPassword: false,
    limits,
    ...overrides,
  };
}

export const workerA = { name: 'a', capacity: 100, keyIds: ['kid-a'] };
export const workerB = { name: 'b', capacity: 100, keyIds: ['kid-a'] };

export function compiled(definition: Partial<NamespaceDefinition>): Namespace {
  const outcome = compileNamespace({
    apps: {},
    envs: {},
    constraints: {},
    holdFailures: 'until-well',
    ...definition,
  });
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.problems));
  return outcome.namespace;
}

/** Stored documents, as the entries of one test refer to them. */
export class TestDocuments implements ReferredDocuments {
  readonly #namespaces = new Map<string, Namespace>();
  readonly #hosts = new Map<string, readonly string[]>();

  put(namespace: Namespace): string {
    const ref = `namespaces/${this.#namespaces.size + 1}`;
    this.#namespaces.set(ref, namespace);
    return ref;
  }

  putHosts(hosts: readonly string[]): string {
    const ref = `specs/${this.#hosts.size + 1}`;
    this.#hosts.set(ref, hosts);
    return ref;
  }

  namespace(ref: string): Namespace {
    return this.#namespaces.get(ref)!;
  }

  hostsOf(specRef: string): readonly string[] | undefined {
    return this.#hosts.get(specRef);
  }
}

/** A leader without a store: folds what is decided, batch by batch, and keeps the history. */
export class Leader {
  readonly documents = new TestDocuments();
  state: ClusterState = createState(this.documents);
  readonly history: { index: number; atMs: number; entries: LogEntry[] }[] = [];

  append(entries: LogEntry[], atMs = this.state.atMs): void {
    const batch = { index: this.state.nextIndex, atMs, entries };
    applyBatch(this.state, batch);
    this.history.push(structuredClone(batch));
  }

  accept(overrides: Partial<Omit<JobAccepted, 'type' | 'job'>> = {}): number {
    const decision = decideAccept(
      this.state,
      submission({ idempotencyKey: `key-${this.state.nextJob}`, ...overrides }),
    );
    if (decision.kind !== 'accepted') throw new Error(`not accepted: ${decision.kind}`);
    this.append(decision.entries);
    return decision.job;
  }

  /** Applies a version of the namespace. */
  constrain(definition: Partial<NamespaceDefinition>): void {
    const version = this.state.constraints.version + 1;
    const ref = this.documents.put(compiled(definition));
    this.append([{ type: 'namespace-applied', version, ref, by: 'ada' }]);
  }

  /** A job on the hosts of a target expression, groups of the namespace among them. */
  submit(targets: string, overrides: Partial<Omit<JobAccepted, 'type' | 'job' | 'hosts'>> = {}): number {
    const { namespace } = this.state.constraints;
    const expanded = resolveTargets(targets, { groups: namespace?.groups });
    if (!expanded.ok) throw new Error(expanded.error.message);
    const hosts = expanded.targets.map(({ host }) => host);
    return this.accept({ ...overrides, hosts: hosts.length, specRef: this.documents.putHosts(hosts) });
  }

  hostNames(job: number): readonly string[] {
    return this.documents.hostsOf(this.state.jobs.get(job)!.accepted.specRef)!;
  }

  /** Names of the hosts of a job that are in one of these states. */
  hostsIn(job: number, ...states: HostState[]): string[] {
    const names = this.hostNames(job);
    return this.state.jobs
      .get(job)!
      .hosts.flatMap(({ state }, index) => (states.includes(state) ? [names[index]!] : []));
  }

  /** Ends the current attempts of these hosts. */
  finish(job: number, hosts: readonly string[], outcome: Outcome): void {
    const names = this.hostNames(job);
    for (const host of hosts) {
      const index = names.indexOf(host);
      const { attempt } = this.state.jobs.get(job)!.hosts[index]!;
      this.append([{ type: 'host-finished', job, host: index, attempt, outcome }]);
    }
  }

  /** What the planner decides, not folded yet. */
  decide(input: Partial<PlanInput> = {}): LogEntry[] {
    return plan(this.state, { workers: [workerA], nowMs: this.state.atMs, ...input });
  }

  /** Plans and folds until nothing is due; gives all decisions. */
  plan(input: Partial<PlanInput> = {}): LogEntry[] {
    const all: LogEntry[] = [];
    const nowMs = input.nowMs ?? this.state.atMs;
    for (;;) {
      const entries = plan(this.state, { workers: [workerA], ...input, nowMs });
      if (entries.length === 0) return all;
      this.append(entries, nowMs);
      all.push(...entries);
    }
  }
}
