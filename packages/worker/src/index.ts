export { Worker, type WorkerOptions } from './worker.js';
export { type Journal, MemoryJournal } from './journal.js';
export type { JobAttempt } from './attempt.js';
export type { Log } from './log.js';
export type { RexecCommand } from './rexec-process.js';
export { type LoadedConfiguration, loadWorkerConfiguration } from './worker-configuration.js';
