import { foldTargets, hostIndexes, type HostSet, resolveTargets } from '@pogo/core';
import type { HostNames } from '../events/job-tracker.js';

/** The hosts of a spec by index. */
export class HostList implements HostNames {
  readonly hosts: readonly string[];

  constructor(hosts: readonly string[]) {
    this.hosts = hosts;
  }

  name(host: number): string {
    return this.hosts[host]!;
  }

  fold(hosts: HostSet): string {
    const targets = [];
    for (const host of hostIndexes(hosts)) targets.push({ host: this.hosts[host]! });
    return targets.length === 1 ? targets[0]!.host : foldTargets(targets);
  }
}

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
    this.#hosts += list.hosts.length;
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
    this.#hosts -= list.hosts.length;
  }
}
