export { JobReporter, type JobReport, type OpenPeriod } from './job-report.js';
export { countsBefore, nothingBefore, type CountsBefore } from './counts-before.js';
export { Recount, type LogPosition, type RecountDocuments } from './recount.js';
export type { SequenceTimes } from './sequence-times.js';
export type { SlotPeak, SlotViolation } from './slot-peaks.js';
export type { AttemptTally, OwnPeak, TalliedFailure } from './job-tally.js';
