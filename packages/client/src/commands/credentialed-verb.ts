/** What `pogo resume`, `retry` and `resolve` share: credentials where they are needed, and following the job afterwards. */
import type { Target } from '@pogo/core';
import type { JobDocument, VerbResponse } from '@pogo/protocol';
import { allHosts } from '../api/all-hosts.js';
import type { VerbRequests } from '../api/dispatcher.js';
import { one, text, type ValuesOf } from '../command-line/option.js';
import { loadConfiguration } from '../configuration/configuration.js';
import { terminalPrompter } from '../credentials/prompt.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failureText, type Result, success } from '../failure.js';
import { colorsFor } from '../render/colors.js';
import { neutralise } from '../render/escape.js';
import { specText } from '../render/spec-text.js';
import { verbText } from '../render/verb-text.js';
import { Writer } from '../render/writer.js';
import { applyVerb, type CredentialedVerb } from '../run/apply-verb.js';
import { attachOptions, checkOutputModes } from '../run/attach-options.js';
import { credentialOptions } from '../run/credential-options.js';
import { credentialSources } from '../run/prepare-job.js';
import { CredentialsRenewal } from '../run/renew-credentials.js';
import { RunOutput } from '../run/run-output.js';
import { SubmittedJobs } from '../run/submitted-jobs.js';
import { hostNames } from '../targets/host-names.js';
import { withJob } from './job-session.js';
import type { Session } from './session.js';

export const verbOptions = {
  ...credentialOptions,
  digest: one('--digest', 'digest that the job must have, for scripts on another machine than it came from', {
    argument: 'sha256:…',
    parse: text,
  }),
  ...attachOptions,
} as const;
export type VerbOptions = ValuesOf<typeof verbOptions>;

export interface VerbUse<V extends CredentialedVerb> {
  readonly environment: Environment;
  readonly options: VerbOptions;
  readonly operands: readonly string[];
  readonly verb: V;
  /** `retrying`, for the first line. */
  readonly doing: string;
  request(hosts: { hosts?: string }): VerbRequests[V];
}

export async function useVerb<V extends CredentialedVerb>(use: VerbUse<V>): Promise<Result<ExitCode>> {
  const { environment, options, operands, verb } = use;
  const contradicting = checkOutputModes(options);
  if (contradicting !== undefined) return contradicting;
  const [job, ...expressions] = operands as [string, ...string[]];
  const hosts = expressions.length === 0 ? undefined : await hostNames(expressions, environment);
  if (hosts !== undefined && !hosts.ok) return hosts;
  const configuration = await loadConfiguration(environment, options.config);
  if (!configuration.ok) return configuration;
  const color = configuration.value.get('color', options.color) ?? 'auto';
  const { clock, stderr, variables } = environment;

  return withJob(environment, job, async (session) => {
    const { dispatcher, access, layout } = session;
    const before = await allHosts(dispatcher, session.job.id);
    if (!before.ok) return before;
    const renewal = new CredentialsRenewal({
      clock,
      dispatcher,
      access,
      submitted: new SubmittedJobs(layout, access.profile),
      prompter: terminalPrompter,
      mayAsk: options.yes !== true,
      expected: options.digest,
      sources: (of) => credentialSources({ configuration: configuration.value }, options, of),
      async show({ id }, offered) {
        const writer = new Writer(stderr);
        await writer.write(`${id} was not submitted from here. It would do this with your credentials:\n`);
        await writer.write(specText(offered, colorsFor(stderr, color, variables)));
      },
    });
    const applied = await applyVerb({
      dispatcher,
      job: session.job,
      verb,
      request: use.request(hosts === undefined ? {} : { hosts: hosts.value }),
      offered: offersCredentials(options),
      seal: () => renewal.seal(session.job),
    });
    if (!applied.ok) return applied;
    const announcement = verbText(use.doing, applied.value);
    if (options.detach === true) return detached(use, applied.value, announcement);
    const output = new RunOutput({
      context: { environment, configuration: configuration.value },
      options,
      targets: before.value.map(({ host }): Target => ({ host })),
      dispatcher,
      job: applied.value.job,
      before: before.value,
      announcement: `${announcement}  ${dispatcher.url}/v1/jobs/${session.job.id}`,
    });
    const watched = await output.watch(false);
    if (!watched.ok) {
      stderr.write(failureText(watched.failure));
      return success(watched.failure.exitCode);
    }
    if (watched.value === exitCodes.unknown && options.quiet !== true)
      await tellUnknown(session, environment);
    return watched;
  });
}

/** Given on this command line, not by configuration. */
function offersCredentials(options: VerbOptions): boolean {
  return [
    options.identities,
    options.passwordFile,
    options.passwordDescriptor,
    options.sudoPasswordFile,
    options.sudoPasswordDescriptor,
    options.secrets,
  ].some((option) => option !== undefined);
}

async function detached(
  { environment, options }: Pick<VerbUse<CredentialedVerb>, 'environment' | 'options'>,
  response: VerbResponse,
  announcement: string,
): Promise<Result<ExitCode>> {
  const stdout = new Writer(environment.stdout);
  environment.stderr.write(`${announcement}; \`pogo wait ${response.job.id}\` waits for its end\n`);
  await stdout.write(
    options.json === true ? `${JSON.stringify(response, undefined, 2)}\n` : `${response.job.id}\n`,
  );
  await stdout.flush();
  return stdout.result(exitCodes.success);
}

/** Why hosts stay unknown, as far as they could say. */
async function tellUnknown(
  { dispatcher, job }: Session & { readonly job: JobDocument },
  { stderr }: Environment,
): Promise<void> {
  const hosts = await allHosts(dispatcher, job.id, 'unknown');
  if (!hosts.ok) return;
  const writer = new Writer(stderr);
  for (const { host, unsettled } of hosts.value) {
    if (unsettled !== undefined) await writer.write(`  ${neutralise(`${host}: ${unsettled}`)}\n`);
  }
  await writer.flush();
}
