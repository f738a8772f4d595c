/**
 * What Ctrl-C does to a followed job. On a terminal the first asks whether to detach or to halt, the second halts; without
 * one the first halts. A further one ends running commands too, and one more stops following. The exit code is 130 in
 * each case.
 */
export interface InterruptActions {
  /** Asks; undefined means to go on. Not called without a terminal. */
  ask: (() => Promise<'detach' | 'halt' | undefined>) | undefined;
  /** Asks the dispatcher to halt the job, and says so. */
  halt(kill: boolean): Promise<void>;
  /** Stops following; the job goes on. */
  leave(): void;
}

export class Interrupt {
  readonly #actions: InterruptActions;
  #stage: 'none' | 'asking' | 'halted' | 'killed' = 'none';
  #interrupted = false;

  constructor(actions: InterruptActions) {
    this.#actions = actions;
  }

  /** Whether the command ends as interrupted. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** One more Ctrl-C. */
  async press(): Promise<void> {
    switch (this.#stage) {
      case 'none':
        if (this.#actions.ask === undefined) return this.#halt();
        this.#stage = 'asking';
        return this.#answer(await this.#actions.ask());
      case 'asking':
        return this.#halt();
      case 'halted':
        this.#stage = 'killed';
        return this.#actions.halt(true);
      case 'killed':
        this.#actions.leave();
    }
  }

  async #answer(answer: 'detach' | 'halt' | undefined): Promise<void> {
    // A second Ctrl-C while the question stood has decided already.
    if (this.#stage !== 'asking') return;
    if (answer === 'halt') return this.#halt();
    this.#stage = 'none';
    if (answer === undefined) return;
    this.#interrupted = true;
    this.#actions.leave();
  }

  async #halt(): Promise<void> {
    this.#stage = 'halted';
    this.#interrupted = true;
    await this.#actions.halt(false);
  }
}
