/**
 * What entries refer to by key, read before they are folded, since the fold reads nothing itself (L1, L6).
 *
 * 1. Whoever appends an entry has put here what it refers to; whoever folds the log reads it first.
 * 2. The names of a job's hosts are needed for one entry, and kept no longer. So is a version of the namespace's file: what
 *    is kept is the one that was folded last, since the next leader begins with it.
 */
import {
  type ClusterState,
  type LogEntry,
  mayCount,
  type Namespace,
  type ReferredDocuments as FoldedDocuments,
  type StateSnapshot,
} from '@pogo/core';
import { StoreError } from '@pogo/store';
import type { HostLists } from '../jobs/host-names.js';
import type { Specs } from '../jobs/specs.js';
import type { NamespaceDocuments } from '../namespaces/namespace-documents.js';

export interface ReferredDocumentsOptions {
  namespaces: NamespaceDocuments;
  specs: Specs;
  hostLists: HostLists;
}

export class ReferredDocuments implements FoldedDocuments {
  readonly #options: ReferredDocumentsOptions;
  readonly #namespaces = new Map<string, { namespace: Namespace; uses: number }>();
  /** Key of the version that was folded last. */
  #inForce: string | undefined;
  readonly #hosts = new Map<string, { names: readonly string[]; uses: number }>();

  constructor(options: ReferredDocumentsOptions) {
    this.#options = options;
  }

  namespace(ref: string): Namespace {
    const found = this.#namespaces.get(ref);
    if (found === undefined) throw new Error(`the namespace ${ref} was not read before it was folded`);
    this.#inForce = ref;
    return found.namespace;
  }

  hostsOf(specRef: string): readonly string[] | undefined {
    return this.#hosts.get(specRef)?.names;
  }

  /** Keeps a version of the namespace's file while `act` has an entry folded that names it. */
  async withNamespace<T>(ref: string, namespace: Namespace, act: () => Promise<T>): Promise<T> {
    this.#use(ref, namespace);
    try {
      return await act();
    } finally {
      this.#forget([ref]);
    }
  }

  #use(ref: string, namespace: Namespace): void {
    const present = this.#namespaces.get(ref);
    if (present === undefined) this.#namespaces.set(ref, { namespace, uses: 1 });
    else present.uses++;
  }

  /** These aren't in use any more; what nobody uses goes, unless it is in force. */
  #forget(refs: readonly string[]): void {
    for (const ref of refs) this.#namespaces.get(ref)!.uses--;
    for (const [ref, { uses }] of this.#namespaces) {
      if (uses === 0 && ref !== this.#inForce) this.#namespaces.delete(ref);
    }
  }

  /** Keeps the names of a job's hosts while `act` has an entry folded that needs them. */
  async withHosts<T>(
    jobs: readonly { specRef: string; names: readonly string[] }[],
    act: () => Promise<T>,
  ): Promise<T> {
    for (const { specRef, names } of jobs) {
      const present = this.#hosts.get(specRef);
      if (present === undefined) this.#hosts.set(specRef, { names, uses: 1 });
      else present.uses++;
    }
    try {
      return await act();
    } finally {
      for (const { specRef } of jobs) {
        const present = this.#hosts.get(specRef);
        if (present !== undefined && --present.uses === 0) this.#hosts.delete(specRef);
      }
    }
  }

  /** Names of the hosts of a spec; undefined when it was deleted since. */
  async readHosts(specRef: string): Promise<readonly string[] | undefined> {
    const { specs, hostLists } = this.#options;
    try {
      return hostLists.of((await specs.get(specRef)).targets).hosts;
    } catch (error) {
      if (error instanceof StoreError && error.code === 'store-corrupt') return undefined;
      throw error;
    }
  }

  /** Reads what the snapshot refers to. */
  async readFor({ namespace }: StateSnapshot): Promise<void> {
    if (namespace === undefined) return;
    await this.#readNamespace(namespace.ref);
    this.#inForce = namespace.ref;
    this.#forget([namespace.ref]);
  }

  /** Folds entries from the log, each after what it refers to was read. */
  async fold(state: ClusterState, entries: readonly LogEntry[], apply: () => void): Promise<void> {
    const specRefs = new Set<string>();
    const refs: string[] = [];
    try {
      let isConstrained = state.constraints.namespace !== undefined;
      for (const entry of entries) {
        if (entry.type !== 'namespace-applied') continue;
        await this.#readNamespace(entry.ref);
        refs.push(entry.ref);
        for (const job of state.jobs.values()) if (mayCount(job)) specRefs.add(job.accepted.specRef);
        isConstrained = true;
      }
      for (const entry of isConstrained ? entries : []) {
        if (entry.type === 'job-accepted') specRefs.add(entry.specRef);
        else if (entry.type === 'job-reopened') {
          const job = state.jobs.get(entry.job);
          if (job !== undefined) specRefs.add(job.accepted.specRef);
        }
      }
      const jobs: { specRef: string; names: readonly string[] }[] = [];
      for (const specRef of specRefs) {
        const names = await this.readHosts(specRef);
        if (names !== undefined) jobs.push({ specRef, names });
      }
      await this.withHosts(jobs, () => {
        apply();
        return Promise.resolve();
      });
    } finally {
      this.#forget(refs);
    }
  }

  /** Reads a version, which is in use from then on. */
  async #readNamespace(ref: string): Promise<void> {
    const present = this.#namespaces.get(ref)?.namespace;
    this.#use(ref, present ?? (await this.#options.namespaces.get(ref)).namespace);
  }
}
