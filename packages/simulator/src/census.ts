/** Counts what came about, so that nobody takes for shown what never happened. */
import type { Call, CallWatcher } from './network/call.js';

interface CountedEntry {
  type: string;
  state?: string;
  outcome?: { state: string; reason?: string };
}

export class Census implements CallWatcher {
  readonly seen = new Map<string, number>();

  note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  /** A batch of the log, as it is stored. */
  batch(text: string): void {
    const { entries } = JSON.parse(text) as { entries: CountedEntry[] };
    for (const { type, state, outcome } of entries) {
      this.note(
        [type, state, outcome?.state, outcome?.reason].filter((part) => part !== undefined).join(' '),
      );
    }
  }

  answered({ method }: Call, { failed, result }: { failed: boolean; result: unknown }): void {
    if (failed) this.note(`${method} refused`);
    else if (method.startsWith('job.')) this.note(`${method} ${(result as { kind: string }).kind}`);
  }
}
