import { command } from '../command-line/command.js';
import { plannedMethods } from '../credentials/auth-methods.js';
import type { ExitCode, Result } from '../failure.js';
import { colorsFor } from '../render/colors.js';
import { planText } from '../render/plan-text.js';
import { describeJob, jobContext, type JobContext, type JobOptions } from '../run/prepare-job.js';
import { jobOptions } from '../run/job-options.js';
import { verifyPlan } from '../run/verify-spec.js';
import { printed } from './printed.js';
import { loadNamespace } from '../targets/namespace-groups.js';
import { withDispatcher } from './session.js';

export default command({
  name: 'plan',
  summary:
    'Shows the job that a run would make, and the order of its hosts. Nothing is run, and no credential is needed.',
  operands: '[--] CMD [ARG…]  |  -f SCRIPT [--] [ARG…]',
  passThrough: true,
  examples: [
    "pogo plan -h 'web[1-40].east' --concurrent 25% -- systemctl restart nginx",
    "pogo plan -h @file:hosts.txt --json 'df -h / | tail -1'",
    'pogo plan -h web1 --run-as root -f ./upgrade.sh -- --quick',
  ],
  options: jobOptions,
  async run({ environment, options, operands }) {
    const context = await jobContext(environment, options);
    return context.ok ? showPlan(context.value, options, operands) : context;
  },
});

/** What `pogo plan` and `pogo run --dry-run` do. */
export async function showPlan(
  context: JobContext,
  options: JobOptions,
  operands: readonly string[],
): Promise<Result<ExitCode>> {
  const { environment, configuration } = context;
  const job = await describeJob(context, options, operands, () =>
    withDispatcher(environment, ({ dispatcher }) => loadNamespace(dispatcher)),
  );
  if (!job.ok) return job;
  const { request, targets, sources } = job.value;
  return withDispatcher(environment, async ({ dispatcher }) => {
    const asked = request(plannedMethods(sources));
    const plan = await dispatcher.plan(asked);
    if (!plan.ok) return plan;
    const verified = verifyPlan(plan.value, asked, targets);
    if (!verified.ok) return verified;
    for (const notice of verified.value.notices.filter((text) => !plan.value.warnings.includes(text))) {
      environment.stderr.write(`pogo: ${notice}\n`);
    }
    if (options.json === true) return printed(environment, `${JSON.stringify(plan.value, undefined, 2)}\n`);
    const color = configuration.get('color', options.color) ?? 'auto';
    return printed(
      environment,
      planText(plan.value, colorsFor(environment.stdout, color, environment.variables)),
    );
  });
}
