import type { Attempt } from './attempt.js';
import type { Rexec } from './rexec-process.js';

/** Tells a rexec which results are journaled, so that hosts need not keep them (E4): in one order for what comes together. */
export class RecordedResults {
  #gathered: { rexec: Rexec; attempts: Attempt[] } | undefined;

  add(rexec: Rexec, attempts: readonly Attempt[]): void {
    if (this.#gathered !== undefined && this.#gathered.rexec !== rexec) this.#send();
    if (this.#gathered === undefined) {
      this.#gathered = { rexec, attempts: [] };
      queueMicrotask(() => this.#send());
    }
    for (const { host, attempt } of attempts) this.#gathered.attempts.push({ host, attempt });
  }

  #send(): void {
    const gathered = this.#gathered;
    this.#gathered = undefined;
    if (gathered === undefined || gathered.rexec.isOver) return;
    gathered.rexec.send({ type: 'recorded', attempts: gathered.attempts });
  }
}
