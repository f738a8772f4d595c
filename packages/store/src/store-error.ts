/**
 * - `store-locked`: another process has it open.
 * - `store-corrupt`: what is stored can't be what was written.
 * - `store-unavailable`: it can't be reached, read or written just now; trying again may help.
 * - `store-format-newer`: a newer version of Pogo has written it.
 * - `store-unsupported`: no driver for that URL, or a place that is no store.
 * - `store-refused`: it doesn't accept our credentials.
 * - `store-closed`: this handle was closed; trying again never helps.
 */
export type StoreErrorCode =
  | 'store-locked'
  | 'store-corrupt'
  | 'store-unavailable'
  | 'store-format-newer'
  | 'store-unsupported'
  | 'store-refused'
  | 'store-closed';

/** What a store can't do, for a person: the message names the store, the cause and the next step. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}
