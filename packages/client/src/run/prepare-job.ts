/** From options and configuration to a request: hosts, command or script, accounts, host keys, limits, credentials. */
import { defaultNamespace, type Target } from '@pogo/core';
import type { HomeLayout, JobRequest } from '@pogo/protocol';
import { join } from 'node:path';
import type { PlanAnswer } from '../api/plan-answer.js';
import type { ValuesOf } from '../command-line/option.js';
import { type Configuration, loadConfiguration } from '../configuration/configuration.js';
import { stateHome } from '../configuration/locations.js';
import type { CredentialSources } from '../credentials/credentials.js';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { collectHostKeys } from '../host-keys/collect-host-keys.js';
import { readScriptFile, scriptCommand, type ScriptFile } from '../script/script-file.js';
import { type LoadNamespace, NamespaceGroups } from '../targets/namespace-groups.js';
import {
  canonicalTargets,
  expressionOf,
  readTargets,
  type TargetOptions,
  underOwnNames,
} from '../targets/targets.js';
import { commandOf } from './command-operands.js';
import { contradiction } from './contradiction.js';
import type { credentialOptions } from './credential-options.js';
import { requestedSurvival } from './disconnect-options.js';
import type { jobOptions } from './job-options.js';
import { requestedSteps } from './step-options.js';
import { rampRequest } from './ramp-options.js';

export type JobOptions = ValuesOf<typeof jobOptions>;

/** A job that lacks only its credentials. */
export interface DescribedJob {
  readonly sources: CredentialSources;
  /** With account and port, in order: what the resolved spec must name. */
  readonly targets: readonly Target[];
  /** What the user should hear about it, in sentences. */
  readonly notices: readonly string[];
  /** What has to be at the dispatcher before the job is. */
  readonly script: ScriptFile | undefined;
  /** What the hosts were chosen by, where that can be read again. */
  readonly selection?: TargetOptions | undefined;
  /** @param methods authentication methods, in order */
  request(methods: readonly string[]): JobRequest;
  /**
   * The same job under its hosts' own names, as the namespace in force has them (S6); undefined when it names them so
   * already.
   */
  underOwnNames(): Promise<Result<DescribedJob | undefined>>;
  /** Looks at what the dispatcher makes of it, before anything is sealed. */
  check?(answer: PlanAnswer): Result<undefined>;
}

export interface JobContext {
  readonly environment: Environment;
  readonly configuration: Configuration;
  readonly layout: HomeLayout;
}

/** Configuration and state directory of a command that makes jobs. */
export async function jobContext(
  environment: Environment,
  options: Pick<JobOptions, 'config'>,
): Promise<Result<JobContext>> {
  const layout = stateHome(environment);
  if (!layout.ok) return layout;
  const configuration = await loadConfiguration(environment, options.config);
  if (!configuration.ok) return configuration;
  return success({ environment, configuration: configuration.value, layout: layout.value });
}

const defaults = {
  port: 22,
  timeoutMs: 600_000,
  jobTimeoutMs: 1_800_000,
  connectMs: 10_000,
  handshakeMs: 30_000,
};
/** Bytes of a request's host list and keys that the dispatcher takes; the whole has little else. */
const maxRequestBytes = 32 * 1024 * 1024;

/**
 * Everything that the dispatcher needs for a plan, read and checked; nobody is asked for anything.
 *
 * @param load gives the namespace; asked when the targets have groups
 */
export async function describeJob(
  context: JobContext,
  options: JobOptions,
  operands: readonly string[],
  load?: LoadNamespace,
): Promise<Result<DescribedJob>> {
  const { environment, configuration, layout } = context;
  const command = await jobCommand(options, operands);
  if (!command.ok) return command;
  const { script } = command.value;
  const ramp = rampRequest(options);
  if (!ramp.ok) return ramp;
  const accounts = hostAccounts(configuration, options);
  if (!accounts.ok) return accounts;
  const steps = requestedSteps(configuration, options);
  if (!steps.ok) return steps;
  const survival = requestedSurvival(configuration, options);
  if (!survival.ok) return survival;

  const user = configuration.get('user', options.user) ?? environment.userName;
  const port = configuration.get('port', options.port) ?? defaults.port;
  const { hosts = [], hostFiles = [], exclude = [] } = options;
  if (hosts.length === 0 && hostFiles.length === 0) {
    return usageFailure(
      'no-targets',
      'no hosts were given: name them with -h EXPR or -H FILE, before the command',
    );
  }
  const wanted = { expressions: hosts, hostFiles, excluded: exclude };
  const namespaceName = configuration.get('namespace', options.namespace) ?? defaultNamespace.name;
  const namespace = new NamespaceGroups(load && (() => load(namespaceName)));
  const read = await readTargets(
    { ...wanted, mayMiss: options.recipe !== undefined },
    environment,
    namespace,
  );
  if (!read.ok) return read;
  if (read.value.length === 0)
    return usageFailure('no-targets', 'the hosts that were given come to none: see `pogo targets EXPR`');

  const requestFor = (
    targets: readonly Target[],
    known: JobRequest['hostKeys']['known'],
    methods: readonly string[],
  ): JobRequest => ({
    version: 1,
    namespace: namespaceName,
    targets: expressionOf(targets),
    command: command.value.command,
    user,
    port,
    auth: { methods: [...methods] },
    hostKeys: {
      policy: configuration.get('host_key_policy', options.hostKeyPolicy) ?? 'strict',
      known,
    },
    timeouts: {
      connectMs: configuration.get('connect_timeout') ?? defaults.connectMs,
      handshakeMs: configuration.get('handshake_timeout') ?? defaults.handshakeMs,
      commandMs: configuration.get('timeout', options.timeout) ?? defaults.timeoutMs,
    },
    ...accounts.value,
    ...survival.value,
    ...steps.value,
    ...namespaceConsent(options),
    environment: {},
    limits: {
      concurrent: configuration.get('concurrent', options.concurrent) ?? null,
      maxFailures: configuration.get('max_failures', options.maxFailures) ?? null,
      jobTimeoutMs: configuration.get('job_timeout', options.jobTimeout) ?? defaults.jobTimeoutMs,
      ...(ramp.value && { ramp: ramp.value }),
    },
  });
  const sources = credentialSources(context, options, {
    user,
    runAs: accounts.value.runAs,
    auth: configuration.get('auth', options.auth),
  });
  // Standard input is read once.
  const selection = hostFiles.includes('-') ? undefined : wanted;
  const describe = async (chosen: readonly Target[]): Promise<Result<DescribedJob>> => {
    const targets = canonicalTargets(chosen, { user, port });
    const hostKeys = await collectHostKeys(
      {
        named: configuration.get('known_hosts', options.knownHosts),
        defaultFile: join(environment.homeDirectory, '.ssh', 'known_hosts'),
        imported: layout.client.importedHostKeys,
      },
      targets,
    );
    if (!hostKeys.ok) return hostKeys;
    const request = (methods: readonly string[]) => requestFor(targets, hostKeys.value, methods);
    const bytes = requestBytes(request([]));
    if (bytes > maxRequestBytes) {
      return usageFailure(
        'spec-too-large',
        `the job's description has ${bytes} bytes, and at most ${maxRequestBytes} are taken: name fewer hosts, or shorten the command`,
      );
    }
    return success({
      request,
      targets,
      notices: renamedNotices(namespace.renamed),
      script,
      sources,
      selection,
      async underOwnNames() {
        const loaded = await namespace.load();
        if (!loaded.ok) return loaded;
        const own = underOwnNames(chosen, namespace);
        return expressionOf(own) === expressionOf(chosen) ? success(undefined) : describe(own);
      },
    });
  };
  return describe(read.value);
}

/** Names that are told of by themselves; the others are counted. */
const maxToldNames = 5;

function renamedNotices(renamed: ReadonlyMap<string, string>): string[] {
  if (renamed.size === 0) return [];
  const told = [...renamed].slice(0, maxToldNames).map(([given, own]) => `${given} is ${own}`);
  const others = renamed.size > maxToldNames ? `, and ${renamed.size - maxToldNames} more` : '';
  return [`other names of hosts were given, and the job has their own: ${told.join(', ')}${others}`];
}

/** The command of the job, or the script that was given instead of one. */
async function jobCommand(
  { shell, argv, script: path }: JobOptions,
  operands: readonly string[],
): Promise<Result<{ command: JobRequest['command']; script?: ScriptFile }>> {
  if (shell === true && argv === true) return contradiction('--shell', '--argv');
  if (path === undefined) {
    const command = commandOf(operands, shell === true ? 'shell' : argv === true ? 'argv' : undefined);
    return command.ok ? success({ command: command.value }) : command;
  }
  if (shell === true) return contradiction('--file', '--shell');
  const script = await readScriptFile(path);
  return script.ok
    ? success({ command: scriptCommand(script.value, operands), script: script.value })
    : script;
}

/** Under which account the command runs, what it may reach from there, and how often it is tried; what is off is absent. */
function hostAccounts(
  configuration: Configuration,
  options: JobOptions,
): Result<Pick<JobRequest, 'runAs' | 'forwardAgent' | 'retries' | 'unreachableRetries'>> {
  if (options.runAs !== undefined && options.noRunAs === false)
    return contradiction('--run-as', '--no-run-as');
  if (options.forwardAgent === true && options.noForwardAgent === false)
    return contradiction('--forward-agent', '--no-forward-agent');
  const runAs = options.noRunAs === false ? undefined : configuration.get('run_as', options.runAs);
  const forwardAgent =
    options.noForwardAgent !== false && configuration.get('forward_agent', options.forwardAgent) === true;
  const retries = configuration.get('retry', options.retries) ?? 0;
  const unreachableRetries = configuration.get('retry_unreachable', options.unreachableRetries) ?? 0;
  return success({
    ...(runAs !== undefined && { runAs }),
    ...(forwardAgent && { forwardAgent }),
    ...(retries > 0 && { retries }),
    ...(unreachableRetries > 0 && { unreachableRetries }),
  });
}

/** What of its namespace's rules the job is to pass over; what isn't said is absent. */
function namespaceConsent({
  unconstrained,
  allowUnknown,
  onPredecessorFailure,
}: JobOptions): Pick<JobRequest, 'unconstrained' | 'allowUnknown' | 'onPredecessorFailure'> {
  return {
    ...(unconstrained === true && { unconstrained }),
    ...(allowUnknown === true && { allowUnknown }),
    ...(onPredecessorFailure === 'continue' && { onPredecessorFailure }),
  };
}

/** Only the parts that can be large. */
function requestBytes({ targets, command, hostKeys }: JobRequest): number {
  const texts = [targets, ...commandTexts(command)];
  for (const { hosts, keys } of hostKeys.known) texts.push(hosts, ...keys);
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function commandTexts(command: JobRequest['command']): readonly string[] {
  switch (command.kind) {
    case 'argv':
      return command.argv;
    case 'shell':
      return [command.script];
    case 'script':
      return command.args;
  }
}

/** Where credentials come from for a job of this account and these methods. */
export function credentialSources(
  { configuration }: Pick<JobContext, 'configuration'>,
  options: ValuesOf<typeof credentialOptions>,
  job: Pick<CredentialSources, 'user' | 'runAs' | 'auth' | 'methodsAreFixed'>,
): CredentialSources {
  return {
    ...job,
    identities: configuration.get('identities', options.identities) ?? [],
    passwordFile: configuration.get('password_file', options.passwordFile),
    passwordDescriptor: options.passwordDescriptor,
    sudoPasswordFile: configuration.get('sudo_password_file', options.sudoPasswordFile),
    sudoPasswordDescriptor: options.sudoPasswordDescriptor,
    secretsFile: configuration.get('secrets', options.secrets),
  };
}
