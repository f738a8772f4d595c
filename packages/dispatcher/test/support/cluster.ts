import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { type Clock, systemClock } from '@pogo/lifecycle';
import {
  type JobDocument,
  type JobHostDocument,
  jobHostListSchema,
  type JobRequest,
  jobSchema,
  type PlanResponse,
  planResponseSchema,
  type SealedCredentials,
  Secret,
} from '@pogo/protocol';
import { MemoryBacking, type Store } from '@pogo/store';
import { pino } from 'pino';
import { Dispatcher } from '../../src/dispatcher.js';
import type { DispatcherLimits } from '../../src/dispatcher-limits.js';
import { ApiClient } from './api-client.js';
import { makeTestInstance, type TestInstance } from './instance.js';
import { issuePapers, type Papers } from './papers.js';
import { ScriptedWorker, type ScriptedWorkerOptions } from './scripted-worker.js';

/** What is in no dispatcher's memory, log or store in plain; here only its place holder is looked for. */
export const sealedMarker = 'c2VhbGVkLW1hcmtlcg';

export interface RunningDispatcher {
  dispatcher: Dispatcher;
  api: ApiClient;
  /** Everything it logged. */
  logged(): string;
  stop(): Promise<void>;
}

/** One instance, and the dispatchers and workers that a test starts in it; all of it ends with `stop`. */
export class Cluster {
  readonly instance: TestInstance;
  readonly #stops: (() => Promise<void>)[] = [];

  private constructor(instance: TestInstance) {
    this.instance = instance;
  }

  static async make(): Promise<Cluster> {
    return new Cluster(await makeTestInstance());
  }

  async dispatcher(
    options: {
      store?: Store;
      name?: string;
      clock?: Clock;
      limits?: Partial<DispatcherLimits>;
      /** Directory of scripts; all share that of the instance's own dispatcher unless told. */
      attachments?: string;
    } = {},
  ): Promise<RunningDispatcher> {
    const { layout, read } = this.instance;
    const store = options.store ?? new MemoryBacking().openHandle();
    let log = '';
    const sink = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        log += chunk.toString('utf8');
        done();
      },
    });
    const { name = 'dispatcher-1' } = options;
    const papers = this.#papersOf(name);
    const dispatcher = new Dispatcher({
      name,
      principal: 'ada',
      listen: { host: '127.0.0.1', port: 0 },
      workerListen: { host: '127.0.0.1', port: 0 },
      store,
      tls: {
        key: new Secret(papers.linkKey),
        certificate: papers.linkCertificate,
        linkRoot: read(layout.instance.linkRootCertificate),
        sealingRoot: read(layout.instance.sealingRootCertificate),
      },
      token: new Secret(read(layout.client.token)),
      attachments: options.attachments ?? layout.dispatcher.attachments,
      credentialsLifetimeMs: 86_400_000,
      jobRetentionMs: 86_400_000,
      clock: options.clock ?? systemClock,
      random: () => 0,
      uniqueId: randomUUID,
      logger: pino({ level: 'debug' }, sink),
      fatal: (error) => {
        throw error;
      },
      ...(options.limits && { limits: options.limits }),
    });
    await dispatcher.start();
    const api = this.client(dispatcher);
    let stopped: Promise<void> | undefined;
    const stop = () =>
      (stopped ??= (async () => {
        api.close();
        await dispatcher.stop();
        if (options.store === undefined) await store.close();
      })());
    this.#stops.push(stop);
    return { dispatcher, api, logged: () => log, stop };
  }

  /** The instance's own dispatcher has them from the beginning. */
  #papersOf(name: string): Pick<Papers, 'linkKey' | 'linkCertificate'> {
    const { layout, read } = this.instance;
    if (name !== 'dispatcher-1') return issuePapers(this.instance, name, 'dispatcher');
    const { linkKey, linkCertificate } = layout.dispatcher;
    return { linkKey: read(linkKey), linkCertificate: read(linkCertificate) };
  }

  client(dispatcher: Dispatcher, token?: string): ApiClient {
    const { layout, read } = this.instance;
    return new ApiClient({
      url: dispatcher.apiUrl,
      token: token ?? read(layout.client.token).trim(),
      linkRoot: read(layout.instance.linkRootCertificate),
    });
  }

  async worker(
    dispatcher: Dispatcher,
    options: Omit<ScriptedWorkerOptions, 'url' | 'instance'> = {},
  ): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker({ url: dispatcher.workersUrl, instance: this.instance, ...options });
    this.#stops.push(() => worker.stop());
    return worker.start();
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async remove(): Promise<void> {
    await this.stop();
    this.instance.remove();
  }
}

export function jobRequest(targets: string, changes: Partial<JobRequest> = {}): JobRequest {
  return {
    version: 1,
    namespace: 'default',
    targets,
    command: { kind: 'argv', argv: ['echo', 'hello'] },
    user: 'deploy',
    port: 22,
    auth: { methods: ['publickey'] },
    hostKeys: { policy: 'strict', known: [] },
    timeouts: { connectMs: 10_000, handshakeMs: 10_000, commandMs: 60_000 },
    environment: {},
    limits: { concurrent: null, maxFailures: null, jobTimeoutMs: 600_000 },
    ...changes,
  };
}

/** The shape of a seal; nobody opens it here. */
export function sealFor(plan: Pick<PlanResponse, 'digest' | 'recipients'>): SealedCredentials {
  return {
    protected: 'e30',
    iv: 'aXY',
    ciphertext: sealedMarker,
    tag: 'dGFn',
    aad: Buffer.from(plan.digest).toString('base64url'),
    recipients: plan.recipients.map(({ kid }) => ({
      header: { alg: 'RSA-OAEP-256', kid },
      encrypted_key: 'a2V5',
    })),
  };
}

export async function plan(api: ApiClient, request: JobRequest): Promise<PlanResponse> {
  const reply = await api.call('/v1/plans', { body: request });
  if (reply.status !== 200) throw new Error(`plan: ${reply.status} ${reply.body.toString()}`);
  return planResponseSchema.parse(reply.json());
}

/** Plans, seals and submits. */
export async function submit(
  api: ApiClient,
  request: JobRequest,
  key: string = randomUUID(),
): Promise<JobDocument> {
  const planned = await plan(api, request);
  const { spec, digest, limits } = planned;
  const reply = await api.call('/v1/jobs', {
    headers: { 'idempotency-key': key },
    body: { spec, digest, limits, credentials: sealFor(planned) },
  });
  if (reply.status !== 202) throw new Error(`submit: ${reply.status} ${reply.body.toString()}`);
  return jobSchema.parse(reply.json());
}

/** Follows the job's events to its end, and returns it. */
export async function finished(api: ApiClient, id: string): Promise<JobDocument> {
  for await (const _event of api.lines(`/v1/jobs/${id}/events?follow`)) void _event;
  return jobSchema.parse((await api.call(`/v1/jobs/${id}`)).json());
}

/** All hosts of a job, as the API tells them. */
export async function hostsOf(api: ApiClient, id = 'last'): Promise<JobHostDocument[]> {
  return jobHostListSchema.parse((await api.call(`/v1/jobs/${id}/hosts`)).json()).hosts;
}
