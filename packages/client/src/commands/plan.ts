import type { JobRequest, PlanResponse } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import { flag, one, text } from '../command-line/option.js';
import { plannedMethods } from '../credentials/auth-methods.js';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, success } from '../failure.js';
import { colorsFor } from '../render/colors.js';
import { planText } from '../render/plan-text.js';
import {
  type DescribedJob,
  describeJob,
  jobContext,
  type JobContext,
  type JobOptions,
} from '../run/prepare-job.js';
import { jobOptions } from '../run/job-options.js';
import { plannable, planJob } from '../run/planned-job.js';
import { withRecipe } from '../run/with-recipe.js';
import { printed } from './printed.js';
import { loadNamespace } from '../targets/namespace-groups.js';
import { type Session, withDispatcher } from './session.js';

export default command({
  name: 'plan',
  summary:
    'Shows the job that a run would make, and the order of its hosts. Nothing is run, and no credential is needed.',
  operands: '[--] CMD [ARG…]  |  -f SCRIPT [--] [ARG…]  |  -R RECIPE [NAME=VALUE…]',
  passThrough: true,
  examples: [
    "pogo plan -h 'web[1-40].east' --concurrent 25% -- systemctl restart nginx",
    "pogo plan -h @file:hosts.txt --json 'df -h / | tail -1'",
    'pogo plan -h web1 --run-as root -f ./upgrade.sh -- --quick',
    "pogo plan -h '@frontend' --identity ~/.ssh/id_ed25519 -o plan.json -- systemctl restart nginx",
    'pogo plan -C cookbook.yaml -R restart service=nginx',
  ],
  options: {
    ...jobOptions,
    output: one('-o, --output', 'write the plan to a file, for `pogo run FILE` to run as it is', {
      argument: 'FILE',
      parse: text,
      completes: 'file',
    }),
    perHost: flag('--per-host', 'a line for each host instead of one for each wave'),
  },
  async run({ environment, options, operands }) {
    const context = await jobContext(environment, options);
    if (!context.ok) return context;
    const asked = await withRecipe(context.value, { options, operands }, jobOptions);
    if (!asked.ok) return asked;
    return showPlan(context.value, asked.value.options, () =>
      describeJob(context.value, asked.value.options, asked.value.operands, (name) =>
        withDispatcher(
          environment,
          ({ dispatcher }) => loadNamespace(dispatcher, name),
          context.value.configuration,
        ),
      ),
    );
  },
});

export type PlanOptions = JobOptions & { readonly output?: string; readonly perHost?: boolean };

/** What `pogo plan` and `pogo run --dry-run` do. */
export async function showPlan(
  context: JobContext,
  options: PlanOptions,
  describe: () => Promise<Result<DescribedJob>>,
): Promise<Result<ExitCode>> {
  const { environment, configuration } = context;
  const described = await describe();
  if (!described.ok) return described;
  const job = described.value;
  const show = async ({ dispatcher }: Session): Promise<Result<ExitCode>> => {
    const planned = await planJob(plannable(job, plannedMethods(job.sources)), (request) =>
      dispatcher.plan(request),
    );
    if (!planned.ok) return planned;
    const { plan, notices } = planned.value;
    const checked = job.check?.(plan) ?? success(undefined);
    if (!checked.ok) return checked;
    for (const notice of notices.filter((line) => !plan.warnings.includes(line))) {
      environment.stderr.write(`pogo: ${notice}\n`);
    }
    if (options.output !== undefined) {
      const asked = planned.value.job.request;
      const written = await store(options.output, { plan, asked, job, environment });
      if (!written.ok) return written;
    }
    if (options.json === true) return printed(environment, `${JSON.stringify(plan, undefined, 2)}\n`);
    const color = configuration.get('color', options.color) ?? 'auto';
    const colors = colorsFor(environment.stdout, color, environment.variables);
    return printed(environment, planText(plan, colors, options.perHost === true));
  };
  return withDispatcher(environment, show, configuration);
}

async function store(
  path: string,
  {
    plan,
    asked,
    job,
    environment,
  }: { plan: PlanResponse; asked: JobRequest; job: DescribedJob; environment: Environment },
): Promise<Result<undefined>> {
  const { writePlanFile } = await import('../run/plan-file.js');
  const { spec, digest, limits, basis, estimate, forecast } = plan;
  const written = await writePlanFile(
    path,
    {
      format: 'pogo-plan',
      version: 1,
      createdAtMs: environment.clock.wallMs(),
      spec,
      digest,
      requestedLimits: asked.limits,
      limits,
      basis,
      ...(job.selection && { selection: mutable(job.selection) }),
      ...(job.script && { script: job.script.path }),
      estimate,
      ...(forecast && { forecast }),
    },
    environment.uniqueId(),
  );
  if (written.ok)
    environment.stderr.write(
      `pogo: plan written to ${path}; run it with \`pogo run [credentials] ${path}\`\n`,
    );
  return written;
}

function mutable({ expressions, hostFiles, excluded }: NonNullable<DescribedJob['selection']>) {
  return { expressions: [...expressions], hostFiles: [...hostFiles], excluded: [...excluded] };
}
