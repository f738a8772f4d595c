/**
 * A snapshot on its way to its text, which takes far longer than the copy of the state that it is made from.
 *
 * 1. What may change in place is text at once. The rest, which is nearly all of it, are copies of hosts; their outcomes are
 *    shared with the state, and never change.
 * 2. The text is JSON of the snapshot, whatever the size of the slices.
 */
import type { StateSnapshot } from '@pogo/core';

/** Hosts whose text is made in one turn of the event loop: a few milliseconds of work. */
const sliceHosts = 2000;

type HostCopies = StateSnapshot['jobs'][number]['hosts'];

export class SnapshotText {
  /** How many hosts it has. */
  readonly hosts: number;
  readonly #pieces: (string | HostCopies)[] = [];

  constructor(snapshot: StateSnapshot) {
    const { jobs, ...rest } = snapshot;
    this.#pieces.push(`${openObject(rest)}"jobs":[`);
    let count = 0;
    for (const [at, { hosts, ...job }] of jobs.entries()) {
      count += hosts.length;
      this.#pieces.push(`${at > 0 ? ',' : ''}${openObject(job)}"hosts":[`, hosts, ']}');
    }
    this.#pieces.push(']}');
    this.hosts = count;
  }

  /** @param turn lets others have their turn. */
  async encode(turn: () => Promise<unknown>): Promise<Uint8Array> {
    const encoded: Buffer[] = [];
    let sinceTurn = 0;
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') {
        encoded.push(Buffer.from(piece));
        continue;
      }
      for (let from = 0; from < piece.length;) {
        const slice = piece.slice(from, from + sliceHosts - sinceTurn);
        const text = JSON.stringify(slice).slice(1, -1);
        encoded.push(Buffer.from(from > 0 ? `,${text}` : text));
        from += slice.length;
        sinceTurn += slice.length;
        if (sinceTurn < sliceHosts) continue;
        sinceTurn = 0;
        await turn();
      }
    }
    return Buffer.concat(encoded);
  }
}

/** An object with at least one member, up to where another may follow. */
function openObject(value: object): string {
  return `${JSON.stringify(value).slice(0, -1)},`;
}
