/** The library that the `pogo` command is built on: a typed client of the dispatcher's API. */
export { type Access, readAccess } from './api/profile.js';
export { Dispatcher } from './api/dispatcher.js';
export type { Credentials } from './credentials/credentials.js';
export type { Identity } from './credentials/identities.js';
export { sealCredentials, type SealRequest } from './credentials/seal.js';
export { type ExitCode, exitCodes, type Failure, type Result } from './failure.js';
export { exitCodeOf, type JobEnd } from './run/exit-code.js';
export {
  followEvents,
  followOutput,
  type FollowOptions,
  type OutputGap,
  type OutputPiece,
} from './run/follow-job.js';
export { JobProgress } from './run/job-progress.js';
export type { PlannableJob } from './run/planned-job.js';
export { type JobToSubmit, submitJob, type SubmitOptions, type SubmittedJob } from './run/submit-job.js';
export { type VerifiedPlan, verifyPlan } from './run/verify-spec.js';
