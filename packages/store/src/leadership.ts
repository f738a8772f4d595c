/**
 * Who tries to lead. It only keeps several dispatchers from trying at once: safety rests on the log alone, and the term is
 * the log index of the leader's first entry (L4).
 */
export interface Leadership {
  /**
   * Waits until this candidate holds the lease called `name`. Resolves to undefined when `signal` aborts first, or the
   * store is closed first; once the lease is held, `signal` has no meaning any more.
   */
  campaign(name: string, signal: AbortSignal): Promise<Lease | undefined>;
}

export interface Lease {
  /** Aborts when the lease has ended: taken away, resigned, or its store closed. */
  readonly lost: AbortSignal;
  /** Ends the lease, so that the next candidate has its turn at once. A second call does nothing. */
  resign(): Promise<void>;
}
