/** What commands about one job begin with: the job as the user named it, and a dispatcher to ask. */
import type { JobDocument } from '@pogo/protocol';
import type { Environment } from '../environment.js';
import type { ExitCode, Result } from '../failure.js';
import { jobOperand } from './job-operand.js';
import { type Session, withDispatcher } from './session.js';

/** Calls `use` with the job's id as it was named, `last` included. */
export function withJobId(
  environment: Environment,
  operand: string,
  use: (session: Session & { readonly id: string }) => Promise<Result<ExitCode>>,
): Promise<Result<ExitCode>> {
  const id = jobOperand(operand);
  if (!id.ok) return Promise.resolve(id);
  return withDispatcher(environment, (session) => use({ ...session, id: id.value }));
}

/** Calls `use` with the job's document. */
export function withJob(
  environment: Environment,
  operand: string,
  use: (session: Session & { readonly job: JobDocument }) => Promise<Result<ExitCode>>,
): Promise<Result<ExitCode>> {
  return withJobId(environment, operand, async ({ id, ...session }) => {
    const job = await session.dispatcher.job(id);
    return job.ok ? use({ ...session, job: job.value }) : job;
  });
}
