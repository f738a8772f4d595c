/** What `pogo skip` and `pogo release` share: hosts of a job that something is said about. */
import { flag, type ValuesOf } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failed, type Result, success } from '../failure.js';
import { verbText } from '../render/verb-text.js';
import { explainRefusal } from '../run/verb-refusal.js';
import { hostNames } from '../targets/host-names.js';
import { withJob } from './job-session.js';
import { printed } from './printed.js';

export const hostVerbOptions = { json: flag('--json', 'as a JSON document') } as const;

export async function useHostVerb(use: {
  readonly environment: Environment;
  readonly options: ValuesOf<typeof hostVerbOptions>;
  readonly operands: readonly string[];
  readonly verb: 'skip' | 'release';
  /** `skipped`, for what is printed. */
  readonly done: string;
}): Promise<Result<ExitCode>> {
  const { environment, options, operands, verb } = use;
  const [id, ...expressions] = operands as [string, ...string[]];
  const hosts = await hostNames(expressions, environment);
  if (!hosts.ok) return hosts;
  return withJob(environment, id, async ({ dispatcher, job }) => {
    const applied = await dispatcher.act(job.id, verb, { hosts: hosts.value });
    if (!applied.ok) return failed(explainRefusal(applied.failure, verb, job.id));
    if (options.json === true)
      return printed(environment, `${JSON.stringify(applied.value, undefined, 2)}\n`);
    environment.stderr.write(`${verbText(use.done, applied.value)}\n`);
    return success(exitCodes.success);
  });
}
