/**
 * Small named values with versions, for what isn't the log: configuration, snapshots, finished jobs.
 *
 * 1. A write that names the version it has seen succeeds only on that version: compare-and-set.
 * 2. An `ok` is durable.
 * 3. A key never has the same version twice, also when it was deleted in between. Versions mean nothing else.
 */

/** The largest value of one document, in bytes. Larger ones: `putLarge`. */
export const maxDocumentBytes = 512 * 1024;

/** `value` isn't changed by either side after it was handed over. */
export interface Document {
  value: Uint8Array;
  version: number;
}

export interface DocumentSummary {
  key: string;
  version: number;
}

/** The version that a write expects: a version, null for "there is none yet", or `any` for no condition. */
export type ExpectedVersion = number | null | 'any';

export type PutOutcome =
  | { kind: 'ok'; version: number }
  /** `version` is the present one; null: there is no such document. */
  | { kind: 'conflict'; version: number | null }
  | { kind: 'too-large'; limitBytes: number };

export type DeleteOutcome = { kind: 'ok' } | { kind: 'conflict'; version: number | null };

/**
 * Keys are one or more segments of `A-Z a-z 0-9 . _ - @ + =`, joined by `/`; up to 256 characters; no segment is `.` or
 * `..`. Prefixes are empty or end in `/`. Others are the caller's bug: a RangeError.
 *
 * What a store can't do just now rejects with a `StoreError`; whether a rejected write was made is then unknown.
 */
export interface Documents {
  get(key: string): Promise<Document | undefined>;
  put(key: string, value: Uint8Array, expectedVersion: ExpectedVersion): Promise<PutOutcome>;
  /** Deleting what isn't there is `ok`, unless a version was expected. */
  delete(key: string, expectedVersion: number | 'any'): Promise<DeleteOutcome>;
  /** Everything below `prefix`, at any depth, sorted by key. */
  list(prefix: string): Promise<DocumentSummary[]>;
  /**
   * The listing below `prefix`, at once and again whenever it has changed. Changes in quick succession may show as one:
   * a slow consumer misses intermediate versions, never the last one. Ends when `signal` aborts or the store is closed.
   */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<DocumentSummary[]>;
}

const keyPattern = /^[A-Za-z0-9._\-@+=]+(?:\/[A-Za-z0-9._\-@+=]+)*$/;
const maxKeyLength = 256;

/** Throws a RangeError for a key that not every driver can take. */
export function checkDocumentKey(key: string): void {
  const segments = key.split('/');
  if (
    key.length > maxKeyLength ||
    !keyPattern.test(key) ||
    segments.includes('.') ||
    segments.includes('..')
  ) {
    throw new RangeError(`not a document key: ${JSON.stringify(key)}`);
  }
}

/** Throws a RangeError for a prefix that isn't a whole folder of keys. */
export function checkDocumentPrefix(prefix: string): void {
  if (prefix === '') return;
  if (!prefix.endsWith('/')) throw new RangeError(`not a document prefix: ${JSON.stringify(prefix)}`);
  checkDocumentKey(prefix.slice(0, -1));
}
