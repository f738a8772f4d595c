import type { Target } from '@pogo/core';
import type { JobDocument } from '@pogo/protocol';
import { Dispatcher } from '../api/dispatcher.js';
import { type Access, readAccess } from '../api/profile.js';
import { command } from '../command-line/command.js';
import { flag, headerText, one, text, type ValuesOf } from '../command-line/option.js';
import { gatherCredentials } from '../credentials/credentials.js';
import { terminalPrompter } from '../credentials/prompt.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failureText, type Result, success } from '../failure.js';
import { Writer } from '../render/writer.js';
import { RunOutput } from '../run/run-output.js';
import { type DescribedJob, describeJob, jobContext, type JobContext } from '../run/prepare-job.js';
import { contradiction, jobOptions } from '../run/run-options.js';
import { submitJob } from '../run/submit-job.js';

const options = {
  ...jobOptions,
  dryRun: flag('-n, --dry-run', 'show the plan, run nothing'),
  detach: flag('-d, --detach', 'print the id of the job and leave it running'),
  gather: flag('-b, --gather', 'at the end, hosts with equal output together'),
  lineMode: flag('-L, --line-mode', 'each line with its host, also for one host'),
  jsonLines: flag('--jsonl', 'events and output as they come, one JSON document a line'),
  noProgress: flag('--no-progress', 'no live line on a terminal'),
  outputDirectory: one('--outdir', "write each host's output to a file in there", {
    argument: 'DIR',
    parse: text,
    completes: 'directory',
  }),
  yes: flag('--yes', 'ask no questions'),
  idempotencyKey: one(
    '--idempotency-key',
    'run with the same key again to find the same job, not to make another',
    {
      argument: 'KEY',
      parse: headerText,
    },
  ),
} as const;
export type RunOptions = ValuesOf<typeof options>;

export default command({
  name: 'run',
  summary: 'Runs a command on hosts, and shows what comes of it.',
  operands: '[--] CMD [ARG…]',
  passThrough: true,
  examples: [
    "pogo run -h 'web[1-40].east' --identity ~/.ssh/id_ed25519 -- systemctl restart nginx",
    "pogo run -h web1,web2 --password-file ~/.pogo-password 'df -h / | tail -1'",
    "pogo run -H hosts.txt -x 'web[13,17]' --concurrent 25% -b -- uname -r",
    'pogo run -h db1 --detach -- apt-get -y upgrade',
  ],
  options,
  async run({ environment, options, operands }) {
    const context = await jobContext(environment, options);
    if (!context.ok) return context;
    const modes = outputModes(options);
    if (modes.length > 1) return contradiction(modes[0]!, modes[1]!);
    if (options.dryRun === true) {
      const { showPlan } = await import('./plan.js');
      return showPlan(context.value, options, operands);
    }
    // The connection opens while hosts and keys are read; whether there is a dispatcher is said only after usage errors.
    const access = await readAccess(context.value.layout);
    const dispatcher = access.ok ? new Dispatcher(access.value) : undefined;
    dispatcher?.warm();
    try {
      const job = await describeJob(context.value, options, operands);
      if (!job.ok) return job;
      if (!access.ok) return access;
      return await runJob({
        context: context.value,
        options,
        job: job.value,
        dispatcher: dispatcher!,
        access: access.value,
      });
    } finally {
      dispatcher?.close();
    }
  },
});

function outputModes({ json, jsonLines, gather, outputDirectory, detach }: RunOptions): string[] {
  return [
    ...(jsonLines === true ? ['--jsonl'] : []),
    ...(json === true && detach !== true ? ['--json'] : []),
    ...(gather === true ? ['--gather'] : []),
    ...(outputDirectory !== undefined ? ['--outdir'] : []),
    ...(detach === true ? ['--detach'] : []),
  ];
}

interface Run {
  readonly context: JobContext;
  readonly options: RunOptions;
  readonly job: DescribedJob;
  readonly dispatcher: Dispatcher;
  readonly access: Access;
}

async function runJob({ context, options, job, dispatcher, access }: Run): Promise<Result<ExitCode>> {
  const { environment } = context;
  const { targets } = job;
  const credentials = await gatherCredentials(job.sources, terminalPrompter);
  if (!credentials.ok) return credentials;
  if (options.verbose === true) {
    const { methods, identities } = credentials.value;
    const { known, policy } = job.request(methods).hostKeys;
    environment.stderr.write(
      `pogo: methods ${methods.join(', ')}; ${identities.length} identities; host keys ${policy}, for ${known.map(({ hosts }) => hosts).join(',') || 'no host'}\n`,
    );
  }

  let interrupted = false;
  const release = environment.onSignal('SIGINT', () => (interrupted = true));
  const submitted = await submitJob(
    { request: job.request(credentials.value.methods), targets, credentials: credentials.value },
    {
      dispatcher,
      sealingRoot: access.profile.sealingRoot,
      clock: environment.clock,
      random: () => environment.random(),
      uniqueId: () => options.idempotencyKey ?? environment.uniqueId(),
      notice: (notice) => void environment.stderr.write(`pogo: ${notice}\n`),
    },
  );
  release();
  if (!submitted.ok) return submitted;
  if (options.detach === true)
    return detached(environment, submitted.value, dispatcher.url, options.json === true);
  return watch({ context, options, targets, dispatcher, job: submitted.value, interrupted });
}

async function detached(
  environment: Environment,
  job: JobDocument,
  url: string,
  json: boolean,
): Promise<Result<ExitCode>> {
  const stdout = new Writer(environment.stdout);
  environment.stderr.write(`job ${job.id}  ${url}/v1/jobs/${job.id}\n`);
  await stdout.write(json ? `${JSON.stringify(job, undefined, 2)}\n` : `${job.id}\n`);
  await stdout.flush();
  return success(exitCodes.success);
}

async function watch(run: {
  context: JobContext;
  options: RunOptions;
  targets: readonly Target[];
  dispatcher: Dispatcher;
  job: JobDocument;
  interrupted: boolean;
}): Promise<Result<ExitCode>> {
  const output = new RunOutput(run);
  const watched = await output.watch(run.interrupted);
  if (!watched.ok) {
    run.context.environment.stderr.write(failureText(watched.failure));
    return success(watched.failure.exitCode);
  }
  return success(watched.value);
}
