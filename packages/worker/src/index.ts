export { Worker, type WorkerOptions } from './worker.js';
export type { FinalReport, Journal } from './journal/journal.js';
export { JournalState } from './journal/journal-state.js';
export { MemoryJournal } from './journal/memory-journal.js';
export {
  FileJournal,
  type FileJournalOptions,
  type OpenJournalOutcome,
} from './journal/file/file-journal.js';
export type { JournalFailure, JournalFailureCode } from './journal/file/journal-failure.js';
export type { ProcessIdentity } from './process-identity.js';
export type { JobAttempt } from './attempt.js';
export type { Log } from './log.js';
export type { Rexec, RexecCommand, RexecEnd, RexecHandlers } from './rexec-process.js';
export { RexecConnection } from './rexec-connection.js';
export type { Dial } from './dispatcher-link.js';
export { AttachmentCache } from './attachment-cache.js';
export { RecordingJournal, type Urgency } from './journal/recording-journal.js';
export { type LoadedConfiguration, loadWorkerConfiguration } from './worker-configuration.js';
