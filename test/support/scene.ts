/**
 * Where whole-system tests take place: a network namespace with only `lo`, a one-machine cluster in it, and the hosts,
 * accounts and keys of one test file.
 *
 * 1. Everything goes through the `pogo` command and the HTTP API.
 * 2. `close` fails if anything was left: a process of the cluster, of an account, of the namespace.
 * 3. It fails, too, if a part of the cluster has died in between, unless the test kills parts itself.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HostState, type OutcomeState, type ReasonCode, reasons } from '@pogo/core';
import { homeLayout, jobHostListSchema, jobSchema, outcomeSchema } from '@pogo/protocol';
import {
  type Account,
  type AccountOptions,
  type Cluster,
  type ClusterCommandOptions,
  type CommandResult,
  type Key,
  type KeyOptions,
  type NetworkNamespace,
  type Sshd,
  type SshdOptions,
  builtCli,
  createAccount,
  createKey,
  createNetworkNamespace,
  processTable,
  startCluster,
  startSshd,
  trackLeaks,
} from '@pogo/testkit';
import { vi } from 'vitest';
import { z } from 'zod';

const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What `pogo run --json` prints. */
const runDocumentSchema = z.object({
  job: jobSchema,
  exitCode: z.int(),
  hosts: z.array(
    z.object({
      host: z.string(),
      state: z.custom<HostState>((value) => typeof value === 'string'),
      attempt: z.int().optional(),
      outcome: outcomeSchema.optional(),
      stdout: z.string().optional(),
      stderr: z.string().optional(),
      encoding: z.literal('base64').optional(),
    }),
  ),
});
export type RunDocument = z.infer<typeof runDocumentSchema>;

/** Reads what `pogo run --json` has printed. */
export function runDocumentOf(stdout: string): RunDocument {
  return runDocumentSchema.parse(JSON.parse(stdout));
}

export interface JsonRun {
  readonly result: CommandResult;
  readonly document: RunDocument;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface Scene {
  readonly namespace: NetworkNamespace;
  readonly cluster: Cluster;
  /** Path of a file of the test's own; with `content`, written with mode 0600. */
  file(name: string, content?: string): string;
  /** Writes `$POGO_HOME/.pogoconf`; an empty text undoes it. */
  configure(yaml: string): void;
  sshd(options?: Omit<SshdOptions, 'namespace'>): Promise<Sshd>;
  account(options?: AccountOptions): Promise<Account>;
  key(options?: Omit<KeyOptions, 'directory'>): Promise<Key>;
  run(args: readonly string[], options?: ClusterCommandOptions): Promise<CommandResult>;
  /** `pogo run --json ARGS…`, its document read; throws with all that it said where there is none. */
  runJson(args: readonly string[], options?: ClusterCommandOptions): Promise<JsonRun>;
  /** A request of somebody who has the token, from inside the namespace. */
  api(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<ApiAnswer>;
  /** How often `up` has said that it started a part again. */
  returns(part: 'dispatcher' | 'worker'): number;
  /** All hosts of a job as the API tells them. */
  hosts(job: string): Promise<z.infer<typeof jobHostListSchema>['hosts']>;
  close(): Promise<void>;
}

/** One HTTPS request, run by Node inside the namespace: what it is comes on stdin, the answer goes to stdout. */
const requester = `
const { request } = require('node:https');
const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
  const { url, body, ...options } = JSON.parse(Buffer.concat(chunks));
  const sent = request(url, { ...options, checkServerIdentity: () => undefined }, (answer) => {
    const parts = [];
    answer.on('data', (part) => parts.push(part)).on('end', () => console.log(JSON.stringify({
      status: answer.statusCode,
      contentType: answer.headers['content-type'] ?? '',
      body: Buffer.concat(parts).toString(),
    })));
  });
  sent.end(body);
});`;
const answerSchema = z.object({ status: z.int(), contentType: z.string(), body: z.string() });
const profileSchema = z.object({ url: z.string(), linkRoot: z.string() });

export interface SceneOptions {
  /** The test kills parts of the cluster, which are started again. */
  readonly killsParts?: boolean;
  /** Added to the environment of the cluster. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const leaks = trackLeaks();
  const namespace = await createNetworkNamespace();
  const cluster = await startCluster({
    cli: builtCli(repository),
    namespace,
    environment: options.environment ?? {},
  });
  const layout = homeLayout(cluster.home);
  const sshds: Sshd[] = [];
  const accounts: Account[] = [];
  let keys = 0;

  const file = (name: string, content?: string) => {
    const path = join(cluster.directory, name);
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    return path;
  };

  const api: Scene['api'] = async (method, path, body) => {
    const profile = profileSchema.parse(JSON.parse(await readFile(layout.client.profile, 'utf8')));
    const token = (await readFile(layout.client.token, 'utf8')).trim();
    const question = {
      url: `${profile.url}${path}`,
      ca: profile.linkRoot,
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const answered = await namespace.run('node', ['-e', requester], { stdin: JSON.stringify(question) });
    if (answered.exitCode !== 0) throw new Error(`${method} ${path}: ${answered.stderr}`);
    return answerSchema.parse(JSON.parse(answered.stdout));
  };

  return {
    namespace,
    cluster,
    file,
    configure: (yaml) => writeFileSync(join(cluster.home, '.pogoconf'), yaml),
    async sshd(options = {}) {
      const started = await startSshd({ ...options, namespace });
      sshds.push(started);
      return started;
    },
    async account(options = {}) {
      const created = await createAccount(options);
      accounts.push(created);
      return created;
    },
    key: (options = {}) => createKey({ name: `key-${++keys}`, ...options, directory: cluster.directory }),
    run: (args, options) => cluster.run(args, options),
    async runJson(args, options) {
      const result = await cluster.run(['run', '--json', ...args], options);
      if (result.stdout === '')
        throw new Error(
          `no document; exit status ${result.exitCode}: ${result.stderr}\n${cluster.output().stderr}`,
        );
      return { result, document: runDocumentOf(result.stdout) };
    },
    api,
    returns: (part) => cluster.output().stderr.split(`${part} is back\n`).length - 1,
    async hosts(job) {
      const answer = await api('GET', `/v1/jobs/${job}/hosts?limit=10000`);
      if (answer.status !== 200) throw new Error(`hosts of ${job}: ${answer.status} ${answer.body}`);
      return jobHostListSchema.parse(JSON.parse(answer.body)).hosts;
    },
    async close() {
      const left: string[] = [];
      const step = async (name: string, action: () => Promise<readonly string[]>) => {
        try {
          for (const line of await action()) left.push(`${name}: ${line}`);
        } catch (error) {
          left.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        }
      };
      const said = cluster.output().stderr;
      const died = options.killsParts !== true && /^(dispatcher|worker) ended/m.test(said);
      if (died || cluster.pids('up').length === 0)
        left.push(said, endOf(layout.dispatcher.log), endOf(layout.worker.log));
      await step('cluster', () => cluster.stop().then(() => []));
      for (const account of accounts)
        await step(`account ${account.name}`, () => untilIdle(account).then(() => account.remove()));
      for (const sshd of sshds) await step('sshd', () => sshd.stop().then(() => []));
      await step('namespace', async () => (await namespace.stop()).map(({ argv }) => argv.join(' ')));
      await step('leaks', () => leaks.assertNoLeaks().then(() => []));
      if (left.length > 0) throw new Error(`left behind, or died on the way:\n  ${left.join('\n  ')}`);
    },
  };
}

/** Hosts promise that nothing of a command is left 10 s after its end, or after its connection's. */
async function untilIdle({ uid }: Account): Promise<void> {
  const idle = () => !processTable().some((entry) => entry.uid === uid);
  await vi.waitUntil(idle, { timeout: 10_000, interval: 100 }).catch(() => undefined);
}

function endOf(file: string): string {
  return existsSync(file) ? `${file}:\n${readFileSync(file, 'utf8').slice(-4000)}` : `${file}: none`;
}

/** How often each state occurs. */
export function statesOf({ hosts }: Pick<RunDocument, 'hosts'>): Partial<Record<HostState, number>> {
  const counts: Partial<Record<HostState, number>> = {};
  for (const { state } of hosts) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** State and sentence that belong to a reason code. */
export function reasonOf(code: ReasonCode): { state: OutcomeState; advice: string } {
  return reasons[code];
}
