/**
 * Reports on their way to dispatchers' logs: each namespace's by itself, since one may be led while another isn't, and
 * what can't be taken for one doesn't hold up the others.
 */
import { namespaceNumberOf } from '@pogo/core';
import type { AttemptReport } from '@pogo/protocol';
import {
  NamespaceOutbox,
  type OutboxOptions as NamespaceOutboxOptions,
  type ReportLink,
} from './namespace-outbox.js';

export type { ReportLink } from './namespace-outbox.js';
export type OutboxOptions = Omit<NamespaceOutboxOptions, 'namespace'>;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #boxes = new Map<number, NamespaceOutbox>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  add(reports: readonly AttemptReport[]): void {
    const byNamespace = new Map<number, AttemptReport[]>();
    for (const report of reports) {
      const namespace = namespaceNumberOf(report.job);
      const alike = byNamespace.get(namespace);
      if (alike === undefined) byNamespace.set(namespace, [report]);
      else alike.push(report);
    }
    for (const [namespace, alike] of byNamespace) this.#box(namespace).add(alike);
  }

  /** Three hosts refused this job's password: the dispatcher is to halt it. */
  addPasswordRefused(job: number): void {
    this.#box(namespaceNumberOf(job)).addPasswordRefused(job);
  }

  /** Reports of the namespace may go this way; one that is there already is tried again at once. */
  attach(namespace: number, link: ReportLink): void {
    this.#box(namespace).attach(link);
  }

  detach(namespace: number, link: ReportLink): void {
    this.#box(namespace).detach(link);
  }

  /** Resolves once everything was acknowledged. */
  async emptied(): Promise<void> {
    await Promise.all([...this.#boxes.values()].map((box) => box.emptied()));
  }

  /** What waits, and how long nothing of it was taken in the namespace where that is longest, in milliseconds. */
  waiting(): { reports: number; stuckMs: number } {
    const waiting = { reports: 0, stuckMs: 0 };
    for (const box of this.#boxes.values()) {
      const { reports, stuckMs } = box.waiting();
      waiting.reports += reports;
      waiting.stuckMs = Math.max(waiting.stuckMs, stuckMs);
    }
    return waiting;
  }

  stop(): void {
    for (const box of this.#boxes.values()) box.stop();
  }

  #box(namespace: number): NamespaceOutbox {
    let box = this.#boxes.get(namespace);
    if (box === undefined) {
      box = new NamespaceOutbox({ ...this.#options, namespace });
      this.#boxes.set(namespace, box);
    }
    return box;
  }
}
