import type { Target } from '@pogo/core';
import type { JobDocument } from '@pogo/protocol';
import { Dispatcher } from '../api/dispatcher.js';
import { type Access, readAccess } from '../api/profile.js';
import { command } from '../command-line/command.js';
import { gatherCredentials } from '../credentials/credentials.js';
import { terminalPrompter } from '../credentials/prompt.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failureText, type Result, success, usageFailure } from '../failure.js';
import { UploadLine } from '../render/upload-line.js';
import { Writer } from '../render/writer.js';
import { checkOutputModes } from '../run/attach-options.js';
import { RunOutput } from '../run/run-output.js';
import { type RunOptions, runOptions } from '../run/run-options.js';
import { checkEstimate } from '../run/check-estimate.js';
import { type LoadNamespace, loadNamespace } from '../targets/namespace-groups.js';
import { type DescribedJob, describeJob, jobContext, type JobContext } from '../run/prepare-job.js';
import { plannable } from '../run/planned-job.js';
import { SubmittedJobs } from '../run/submitted-jobs.js';
import { submitJob } from '../run/submit-job.js';
import { withRecipe } from '../run/with-recipe.js';
import { withDispatcher } from './session.js';

export default command({
  name: 'run',
  summary: 'Runs a command on hosts, and shows what comes of it.',
  operands: '[--] CMD [ARG…]  |  -f SCRIPT [--] [ARG…]  |  -R RECIPE [NAME=VALUE…]  |  PLAN.json',
  passThrough: true,
  examples: [
    "pogo run -h 'web[1-40].east' --identity ~/.ssh/id_ed25519 -- systemctl restart nginx",
    "pogo run -h web1,web2 --password-file ~/.pogo-password 'df -h / | tail -1'",
    "pogo run -H hosts.txt -x 'web[13,17]' --concurrent 25% -b -- uname -r",
    'pogo run -h db1 --detach -- apt-get -y upgrade',
    "pogo run -h 'web[1-40].east' --run-as root --retry 2 -f ./upgrade.sh -- --quick",
    "pogo run -h 'web[1-40].east' --diff -- cat /etc/resolv.conf",
    "pogo run -h '@frontend&@coast:east' -- systemctl reload nginx",
    'pogo run -C cookbook.yaml -R restart service=nginx',
    'pogo run -C https://example.com/cookbook.yaml -R restart -x web13 service=nginx',
    'pogo run --identity ~/.ssh/id_ed25519 plan.json',
  ],
  options: runOptions,
  async run({ environment, options: givenOptions, operands: givenOperands }) {
    const context = await jobContext(environment, givenOptions);
    if (!context.ok) return context;
    const given = { options: givenOptions, operands: givenOperands };
    const asked = await withRecipe(context.value, given, runOptions);
    if (!asked.ok) return asked;
    const { options, operands } = asked.value;
    const contradicting = checkOutputModes(options);
    if (contradicting !== undefined) return contradicting;
    const describe = (load: LoadNamespace) => describeRun(context.value, options, operands, load);
    if (options.dryRun === true) {
      const { showPlan } = await import('./plan.js');
      return showPlan(context.value, options, () =>
        describe((name) =>
          withDispatcher(
            environment,
            (session) => loadNamespace(session.dispatcher, name),
            context.value.configuration,
          ),
        ),
      );
    }
    // The connection opens while hosts and keys are read; whether there is a dispatcher is said only after usage errors.
    const { layout, configuration } = context.value;
    const access = await readAccess(layout, configuration.get('dispatchers'));
    const dispatcher = access.ok ? new Dispatcher(access.value, environment) : undefined;
    dispatcher?.warm();
    try {
      const job = await describe(async (name) => (access.ok ? loadNamespace(dispatcher!, name) : access));
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

/** The job of the command line, or of the plan file that it names. */
async function describeRun(
  context: JobContext,
  options: RunOptions,
  operands: readonly string[],
  load: LoadNamespace,
): Promise<Result<DescribedJob>> {
  const [path, ...others] = operands;
  const { hosts, hostFiles, recipe } = options;
  const isPlan = path?.endsWith('.json') === true && (hosts ?? hostFiles ?? recipe) === undefined;
  if (!isPlan) return describeJob(context, options, operands, load);
  if (others.length > 0)
    return usageFailure(
      'plan-operands',
      `${path} is taken for a plan, since no hosts were given, and nothing follows one: put options before it, and hosts (-h) before a command`,
    );
  const { describePlanFile } = await import('../run/describe-plan-file.js');
  return describePlanFile(context, path, options, load);
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
  const uploading = new AbortController();
  const release = environment.onSignal('SIGINT', () => {
    interrupted = true;
    uploading.abort();
  });
  const { script } = job;
  const upload =
    script &&
    new UploadLine(environment, {
      ...script,
      hidden: options.quiet === true || options.noProgress === false,
    });
  const submitted = await submitJob(
    {
      ...plannable(job, credentials.value.methods),
      credentials: credentials.value,
      script,
      check: (plan) => {
        const checked = job.check?.(plan) ?? success(undefined);
        return checked.ok ? checkEstimate(plan, options.ignoreEstimate === true) : checked;
      },
    },
    {
      dispatcher,
      sealingRoot: access.profile.sealingRoot,
      clock: environment.clock,
      random: () => environment.random(),
      uniqueId: () => options.idempotencyKey ?? environment.uniqueId(),
      notice: (notice) => void environment.stderr.write(`pogo: ${notice}\n`),
      uploadSignal: uploading.signal,
      onUpload: (sentBytes) => upload?.progress(sentBytes),
      onUploaded: () => upload?.stop(),
    },
  );
  release();
  await upload?.stop();
  if (!submitted.ok) return submitted;
  await remember(context, access, submitted.value.job);
  if (options.detach === true)
    return detached(environment, submitted.value.job, dispatcher.url, options.json === true);
  return watch({ context, options, ...submitted.value, dispatcher, interrupted });
}

/** For the day when the job's credentials are asked for again. */
async function remember(
  { layout, environment }: JobContext,
  access: Access,
  job: JobDocument,
): Promise<void> {
  const remembered = await new SubmittedJobs(layout, access.profile).remember(job.id, job.digest);
  if (remembered) return;
  environment.stderr.write(
    `pogo: not-remembered: the digest of ${job.id} can't be written below ${layout.client.dir}: should the job need its credentials again, you will be asked to look at it first\n`,
  );
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
