export {
  type AppendOutcome,
  type Batch,
  type BatchIdentity,
  type EntriesOutcome,
  type Log,
  type LogEntry,
  type PruneOutcome,
  type PruneRequest,
  type PrunedOutcome,
  type ReadOutcome,
  type SnapshotPointer,
  maxBatchBytes,
  maxBatchNameLength,
} from './log.js';
export {
  type DeleteOutcome,
  type Document,
  type DocumentSummary,
  type Documents,
  type ExpectedVersion,
  type PutOutcome,
  maxDocumentBytes,
} from './documents.js';
export {
  type LargeReference,
  type PutLargeRequest,
  deleteLarge,
  getLarge,
  putLarge,
} from './large-documents.js';
export { type Leadership, type Lease } from './leadership.js';
export { type Store, type StoreDescription, type StoreSession } from './store.js';
export { StoreError, type StoreErrorCode } from './store-error.js';
export { openStore } from './open-store.js';
export { MemoryBacking } from './drivers/memory/memory-backing.js';
export { EmbeddedBacking, type EmbeddedOptions } from './drivers/embedded/embedded-backing.js';
export {
  type ConformanceFixture,
  type ConformanceOptions,
  type TestFramework,
  describeStoreConformance,
} from './conformance/conformance.js';
