/**
 * Is this the spec of the job that the user means? Credentials are about to be sealed over it, and the dispatcher, which
 * sent it, may offer another one.
 *
 * 1. The digest is recomputed, and must be the one that the job's document has, with its submitter and namespace.
 * 2. A job that was submitted from here must have the digest that it had then; so must one whose digest is given.
 * 3. Any other is shown, and a person says yes; nobody there, or `--yes`, is a no.
 */
import { type JobDocument, type JobSpec, specDigest } from '@pogo/protocol';
import type { Prompter } from '../credentials/prompt.js';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';

export interface SpecCheck {
  readonly job: JobDocument;
  readonly offered: JobSpec;
  /** From when the job was submitted here. */
  readonly remembered: string | undefined;
  /** As the user gave it. */
  readonly expected: string | undefined;
  /** Absent: nobody is to be asked. */
  readonly prompter: Pick<Prompter, 'confirm'> | undefined;
  /** Shows the spec to the user. */
  show(): Promise<void>;
}

export async function confirmSpec(check: SpecCheck): Promise<Result<undefined>> {
  const { job, offered, remembered, expected, prompter } = check;
  const { spec, digest } = offered;
  const different = [
    ...(specDigest(spec) === digest ? [] : ['its digest is not that of its contents']),
    ...(job.digest === digest ? [] : [`the job's own digest is ${job.digest}`]),
    ...(job.submitter === spec.submitter
      ? []
      : [`the job is ${job.submitter}'s, the spec ${spec.submitter}'s`]),
    ...(job.namespace === spec.namespace
      ? []
      : [`the job is in namespace ${job.namespace}, the spec in ${spec.namespace}`]),
    ...(remembered === undefined || remembered === digest
      ? []
      : [`when ${job.id} was submitted from here, its digest was ${remembered}`]),
  ];
  if (different.length > 0) {
    return failed({
      code: 'spec-changed',
      message: `the dispatcher offers a spec for ${job.id}, digest ${digest}, that is not the job's, so nothing was sealed or sent:\n${different.map((line) => `  ${line}`).join('\n')}\nAsk who runs the dispatcher before you try again`,
      exitCode: exitCodes.error,
    });
  }
  if (expected !== undefined && expected !== digest) {
    return usageFailure(
      'digest-mismatch',
      `${job.id} has the digest ${digest} and not the one that was given, so nothing was sealed or sent: is it the job that you mean? See \`pogo status ${job.id}\``,
    );
  }
  if (remembered !== undefined || expected !== undefined) return success(undefined);
  await check.show();
  const answer = await prompter?.confirm(`Seal credentials for this, and let ${job.id} use them?`);
  if (answer === true) return success(undefined);
  if (answer === false) {
    return failed({
      code: 'interrupted',
      message: 'nothing was sealed or sent',
      exitCode: exitCodes.interrupted,
    });
  }
  return usageFailure(
    'spec-unconfirmed',
    `${job.id} was not submitted from here, so somebody has to look at what it would do with the credentials: run this on a terminal, or look at it above and add --digest ${digest}`,
  );
}
