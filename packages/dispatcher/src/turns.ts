/** Lets those who want the same thing have it one after another, in the order in which they asked. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  take<T>(what: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(what) ?? Promise.resolve();
    const turn = before.then(act, act);
    this.#last.set(what, turn);
    const done = () => {
      if (this.#last.get(what) === turn) this.#last.delete(what);
    };
    turn.then(done, done);
    return turn;
  }
}
