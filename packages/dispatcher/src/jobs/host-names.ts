import {
  foldTargets,
  HostFolder,
  hostKey,
  type HostSet,
  resolveTargets,
  type Target,
  type TargetError,
} from '@pogo/core';
import type { HostNames } from '../events/job-tracker.js';

/** The hosts of a spec by index. */
export class HostList implements HostNames {
  readonly hosts: readonly string[];
  #folder: HostFolder | undefined;

  /** @param hosts not to be changed */
  constructor(hosts: readonly string[]) {
    this.hosts = hosts;
  }

  name(host: number): string {
    return this.hosts[host]!;
  }

  fold(hosts: HostSet): string {
    return this.folder.fold(hosts);
  }

  /** For all that is folded of this list. */
  get folder(): HostFolder {
    return (this.#folder ??= new HostFolder(this.hosts));
  }

  /** The hosts that an expression names, wildcards over these hosts included, in the order of the list. */
  find(expression: string): FoundHosts {
    let targets: readonly Target[] | undefined;
    const known = () => (targets ??= this.hosts.map((host) => ({ host })));
    const none = () => undefined;
    const expanded = resolveTargets(expression, {
      groups: { app: none, environment: none, knownHosts: known },
    });
    if (!expanded.ok) return { kind: 'target-error', error: expanded.error };
    const indexes = new Map(this.hosts.map((host, index) => [hostKey(host), index]));
    const found: number[] = [];
    const unknown: string[] = [];
    for (const { host } of expanded.targets) {
      const index = indexes.get(hostKey(host));
      if (index === undefined) unknown.push(host);
      else found.push(index);
    }
    if (unknown.length > 0)
      return { kind: 'unknown-hosts', hosts: foldTargets(unknown.map((host) => ({ host }))) };
    return { kind: 'found', hosts: found.sort((a, b) => a - b) };
  }
}

export type FoundHosts =
  | { kind: 'found'; hosts: number[] }
  | { kind: 'target-error'; error: TargetError }
  /** Folded names that aren't among the list's. */
  | { kind: 'unknown-hosts'; hosts: string };

/** What a list takes in memory besides its names, in hosts: jobs of one host are many. */
const listHosts = 10;

/**
 * Expanded target lists, by the canonical text that they come from: planned, submitted and followed jobs share them. Least
 * recently used ones go when all together name too many hosts.
 */
export class HostLists {
  readonly #maxHosts: number;
  readonly #lists = new Map<string, HostList>();
  #hosts = 0;

  constructor(options: { maxHosts: number }) {
    this.#maxHosts = options.maxHosts;
  }

  remember(targets: string, list: HostList): void {
    this.#forget(targets);
    this.#lists.set(targets, list);
    this.#hosts += list.hosts.length + listHosts;
    for (const oldest of this.#lists.keys()) {
      if (this.#hosts <= this.#maxHosts || oldest === targets) break;
      this.#forget(oldest);
    }
  }

  /** The list, if it is at hand. */
  find(targets: string): HostList | undefined {
    const list = this.#lists.get(targets);
    if (list !== undefined) {
      this.#lists.delete(targets);
      this.#lists.set(targets, list);
    }
    return list;
  }

  /** The list of a spec that was checked when it was accepted. @throws when it can't be expanded any more: a bug. */
  of(targets: string): HostList {
    const known = this.find(targets);
    if (known !== undefined) return known;
    const expanded = resolveTargets(targets);
    if (!expanded.ok) throw new Error(`an accepted target list doesn't expand: ${expanded.error.message}`);
    const list = new HostList(expanded.targets.map(({ host }) => host));
    this.remember(targets, list);
    return list;
  }

  #forget(targets: string): void {
    const list = this.#lists.get(targets);
    if (list === undefined) return;
    this.#lists.delete(targets);
    this.#hosts -= list.hosts.length + listHosts;
  }
}
