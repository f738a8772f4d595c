/**
 * The job of a plan file, to be run as it was planned: the spec is that of the file, and nothing on the command line or in
 * the configuration changes it but where its credentials come from. What has changed since, and concerns it, is named and
 * nothing is run.
 */
import { resolveTargets, type Target } from '@pogo/core';
import { type JobRequest, planBasisSchema, type PlanFile } from '@pogo/protocol';
import type { PlanAnswer } from '../api/plan-answer.js';
import { type AnyOption, optionName } from '../command-line/option.js';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { readScriptFile, type ScriptFile } from '../script/script-file.js';
import { type LoadNamespace, NamespaceGroups } from '../targets/namespace-groups.js';
import { canonicalTargets, readTargets, underOwnNames } from '../targets/targets.js';
import { viewOptions } from './attach-options.js';
import { contradiction } from './contradiction.js';
import { credentialOptions } from './credential-options.js';
import { jobOptions } from './job-options.js';
import { basisDrift, specDrift, targetDrift } from './plan-drift.js';
import { readPlanFile } from './plan-file.js';
import { credentialSources, type DescribedJob, type JobContext, type JobOptions } from './prepare-job.js';

/** @param namespace asked when the hosts were chosen by groups, or by other names than their own */
export async function describePlanFile(
  context: JobContext,
  path: string,
  options: JobOptions,
  namespace: LoadNamespace,
): Promise<Result<DescribedJob>> {
  const contradicting = definingOptions().find(([name]) => options[name] !== undefined);
  if (contradicting !== undefined) return contradiction(path, optionName(contradicting[1]));
  const read = await readPlanFile(path);
  if (!read.ok) return read;
  const plan = read.value;
  const expanded = resolveTargets(plan.spec.targets);
  if (!expanded.ok)
    return failed({
      code: 'not-a-plan',
      message: `${path} names hosts that can't be read: ${expanded.error.message}`,
      exitCode: exitCodes.usage,
    });
  const targets = expanded.targets;
  const drift = await chosenDrift(context, plan, targets, namespace);
  const script = await plannedScript(plan);
  if (!script.ok) return script;
  if (script.value.drift !== undefined) drift.push(script.value.drift);
  if (drift.length > 0) return drifted(path, drift);
  const { spec } = plan;
  const request = requestOf(plan);
  return success({
    targets,
    notices: [],
    // Those that it had when it was planned.
    underOwnNames: () => Promise.resolve(success(undefined)),
    script: script.value.file,
    sources: credentialSources(context, options, {
      user: spec.user,
      runAs: spec.runAs,
      auth: spec.auth.methods,
      methodsAreFixed: true,
    }),
    request: () => request,
    check: (answer) => checkAnswer(path, plan, answer),
  });
}

/** Options that say what a job is: the file says that. */
function definingOptions(): [keyof JobOptions, AnyOption][] {
  const others = { ...credentialOptions, ...viewOptions };
  return (Object.entries(jobOptions) as [keyof JobOptions, AnyOption][]).filter(
    ([name]) => !Object.hasOwn(others, name),
  );
}

function requestOf({ spec, requestedLimits }: PlanFile): JobRequest {
  const { submitter: _submitter, lifetimeMs: _lifetimeMs, ...asked } = spec;
  return { ...asked, limits: requestedLimits };
}

/** Whether what the hosts were chosen by still means the same hosts. */
async function chosenDrift(
  { environment }: JobContext,
  { selection, spec }: PlanFile,
  planned: readonly Target[],
  load: LoadNamespace,
): Promise<string[]> {
  if (selection === undefined) return [];
  const namespace = new NamespaceGroups(() => load(spec.namespace));
  const unreadable = ({ failure }: { failure: { message: string } }) => [
    `the targets can't be read any more: ${failure.message}`,
  ];
  const read = await readTargets({ ...selection, mayMiss: true }, environment, namespace);
  if (!read.ok) return unreadable(read);
  const drift = (chosen: readonly Target[]) => targetDrift(planned, canonicalTargets(chosen, spec));
  const asGiven = drift(read.value);
  if (asGiven.length === 0) return asGiven;
  const loaded = await namespace.load();
  return loaded.ok ? drift(underOwnNames(read.value, namespace)) : unreadable(loaded);
}

async function plannedScript({
  spec: { command },
  script: path,
}: PlanFile): Promise<Result<{ file?: ScriptFile; drift?: string }>> {
  if (command.kind !== 'script') return success({});
  if (path === undefined) return success({ drift: 'the plan has a script, and no path to read it from' });
  const read = await readScriptFile(path);
  if (!read.ok) return read;
  const { sha256, bytes } = read.value;
  if (sha256 !== command.sha256 || bytes !== command.bytes)
    return success({ drift: `script ${path} is another one: sha256 ${sha256} instead of ${command.sha256}` });
  return success({ file: { ...read.value, name: command.name } });
}

function checkAnswer(path: string, plan: PlanFile, answer: PlanAnswer): Result<undefined> {
  const basis = planBasisSchema.safeParse(answer.basis);
  const drift = [
    ...specDrift(plan, answer),
    ...(basis.success ? basisDrift(plan.basis, basis.data) : ["the dispatcher doesn't say what it rests on"]),
  ];
  return drift.length === 0 ? success(undefined) : drifted(path, drift);
}

function drifted(path: string, drift: readonly string[]): Result<never> {
  return failed({
    code: 'plan-drifted',
    message: `things have changed since ${path} was made, so nothing was run:\n${drift.map((line) => `  ${line}`).join('\n')}\nPlan again, and look at what it says now`,
    exitCode: exitCodes.error,
  });
}
