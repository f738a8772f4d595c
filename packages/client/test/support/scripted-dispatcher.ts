/**
 * A small dispatcher for tests: real HTTPS, the real schemas in both directions, and one job that acts by a script. It
 * keeps what it was sent, and can break connections where a test says so.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { foldTargets, resolveTargets } from '@pogo/core';
import {
  type JobDocument,
  type OutputLine,
  outputLineSchema,
  jobHostListSchema,
  jobRequestSchema,
  type JobSpec,
  jobSpecSchema,
  namespaceSchema,
  type PlanResponse,
  planResponseSchema,
  type SubmitRequest,
  submitRequestSchema,
  verbResponseSchema,
} from '@pogo/protocol';
import type { TestInstance } from './certificates.js';
import { json, problem } from './answers.js';
import { ScriptedAttachments } from './scripted-attachments.js';
import { ScriptedJob, type ScriptedJobOptions } from './scripted-job.js';
import { planOf, recipientOf } from './scripted-plan.js';

export interface SentRequest {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** A verb that was used on the job. */
export interface UsedVerb {
  verb: string;
  body: { hosts?: string; fence?: boolean; credentials?: SubmitRequest['credentials'] };
}

type Handler = (request: SentRequest, response: ServerResponse) => boolean | Promise<boolean>;

export interface ScriptedDispatcherOptions extends ScriptedJobOptions {
  instance: TestInstance;
  token: string;
  /** Changes the plan before it is sent. */
  alterPlan?(plan: PlanResponse): void;
  /** Sees each request first; true when it has answered, or broken the connection. */
  intercept?: Handler;
  /** Changes the spec of a job before it is sent. */
  alterSpec?(spec: JobSpec): void;
  /** The problem that a verb meets; undefined: it is obeyed. */
  refuse?(used: UsedVerb): { code: string; detail: string } | undefined;
  /** Serves that one's job instead of one of its own: another dispatcher of the same instance. */
  sharesJobOf?: ScriptedDispatcher;
  /** Breaks the connection of an upload after so many of its bytes; called for each. */
  breakUploadAfter?(upload: number): number | undefined;
}

/** Where none was ever applied. */
const noNamespace = namespaceSchema.parse({
  name: 'default',
  version: 0,
  hosts: 0,
  slots: [],
  stages: [],
  warnings: [],
});

export class ScriptedDispatcher {
  readonly requests: SentRequest[] = [];
  readonly used: UsedVerb[] = [];
  readonly attachments: ScriptedAttachments;
  readonly #options: ScriptedDispatcherOptions;
  readonly #job: ScriptedJob;
  readonly #server: Server;
  readonly #closed: Promise<unknown>;
  #url = '';
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<{ matches: (request: SentRequest) => boolean; resolve: () => void }>();

  constructor(options: ScriptedDispatcherOptions) {
    this.#options = options;
    this.#job = options.sharesJobOf === undefined ? new ScriptedJob(options) : options.sharesJobOf.#job;
    this.attachments = new ScriptedAttachments(options.breakUploadAfter);
    const { dispatcher } = options.instance;
    this.#server = createServer({ key: dispatcher.key, cert: dispatcher.certificate, minVersion: 'TLSv1.3' });
    this.#server.on('request', (request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    this.#server.on('tlsClientError', () => undefined);
    this.#closed = new Promise((resolve) => this.#server.once('close', resolve));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#url = `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  /** Where it serves, or did. */
  get url(): string {
    return this.#url;
  }

  /** Lets nobody connect any more; connections that stand go on. */
  refuse(): void {
    this.#server.close();
  }

  /** As if its process had ended. */
  die(): void {
    this.refuse();
    this.breakConnections();
  }

  async stop(): Promise<void> {
    this.#job.abandon();
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) this.#server.close();
    await this.#closed;
  }

  /** Lets a held job go on to its end. */
  release(): void {
    this.#job.release();
  }

  /** Resolves once such a request has come. */
  seen(matches: (request: SentRequest) => boolean): Promise<void> {
    if (this.requests.some(matches)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ matches, resolve }));
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get submitted(): SubmitRequest | undefined {
    return this.#job.submitted;
  }

  get halts(): readonly boolean[] {
    return this.#job.halts;
  }

  get job(): JobDocument {
    return this.#job.document;
  }

  /** Every piece of output, hosts taking turns. */
  outputLines(): OutputLine[] {
    return this.#job.outputLines();
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (message.method === 'PUT' && message.url!.startsWith('/v1/attachments/')) {
      this.#note(message, '');
      return this.attachments.put(message, response);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request = this.#note(message, Buffer.concat(chunks).toString('utf8'));
    if (request.headers.authorization !== `Bearer ${this.#options.token}`) {
      return problem(response, 401, 'unauthenticated', 'the token is wrong');
    }
    if ((await this.#options.intercept?.(request, response)) === true) return;
    await this.#route(request, response);
  }

  #note(message: IncomingMessage, body: string): SentRequest {
    const { headers } = message;
    const request: SentRequest = { method: message.method!, path: message.url!, headers, body };
    this.requests.push(request);
    for (const waiting of this.#waiting) {
      if (!waiting.matches(request)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
    return request;
  }

  async #route(request: SentRequest, response: ServerResponse): Promise<void> {
    const { method, path } = request;
    if (method === 'POST' && /^\/v1\/plans(\?forecast)?$/.test(path)) return this.#plan(request, response);
    if (method === 'POST' && path === '/v1/jobs') {
      this.#job.submit(submitRequestSchema.parse(JSON.parse(request.body)));
      return json(response, 202, this.job);
    }
    if (method === 'HEAD' && path.startsWith('/v1/attachments/'))
      return this.attachments.head(path, response);
    if (method === 'GET' && path === '/v1/namespaces/default') return json(response, 200, noNamespace);
    if (this.submitted === undefined || !/^\/v1\/jobs\/(p0000000012|last)([/?]|$)/.test(path)) {
      return problem(response, 404, 'unknown-job', `There is no job at ${path}.`);
    }
    if (path.includes('/events')) return this.#events(request, response);
    if (path.includes('/output?follow')) return this.#output(response);
    if (path.includes('/hosts/')) return this.#hostOutput(path, response);
    if (path.includes('/hosts')) {
      const state = new URL(path, 'https://x').searchParams.get('state');
      const hosts = this.#job.hostDocuments().filter((host) => state === null || host.state === state);
      return json(response, 200, jobHostListSchema.parse({ hosts }));
    }
    if (path.endsWith('/spec')) return json(response, 200, this.#spec());
    if (method === 'POST' && path.endsWith('/halt')) {
      this.#job.halt((JSON.parse(request.body) as { kill: boolean }).kill);
      return json(response, 202, this.job);
    }
    if (method === 'POST') {
      const body = JSON.parse(request.body) as UsedVerb['body'];
      return this.#act({ verb: path.split('/').at(-1)!, body }, response);
    }
    return json(response, 200, this.job);
  }

  #spec(): JobSpec {
    const { spec, digest } = this.submitted!;
    const offered: JobSpec = {
      spec: structuredClone(spec),
      digest,
      recipients: [recipientOf(this.#options.instance)],
    };
    this.#options.alterSpec?.(offered);
    return jobSpecSchema.parse(offered);
  }

  #act(used: UsedVerb, response: ServerResponse): void {
    this.used.push(used);
    const refused = this.#options.refuse?.(used);
    if (refused !== undefined) return problem(response, 409, refused.code, refused.detail);
    if (this.#job.needsCredentials && used.body.credentials === undefined) {
      return problem(response, 409, 'credentials-needed', 'Nothing holds the credentials of the job.');
    }
    const named = resolveTargets(used.body.hosts ?? '');
    const hosts =
      used.body.hosts === undefined
        ? this.#job.hostDocuments().flatMap(({ host, state }) => (state === 'succeeded' ? [] : [host]))
        : named.ok
          ? named.targets.map(({ host }) => host)
          : [];
    this.#job.renew();
    if (used.verb === 'retry') this.#job.retry(hosts);
    const affected = foldTargets(hosts.map((host) => ({ host })));
    json(response, 202, verbResponseSchema.parse({ job: this.job, affected, affectedHosts: hosts.length }));
  }

  #plan(request: SentRequest, response: ServerResponse): void {
    const parsed = jobRequestSchema.safeParse(JSON.parse(request.body));
    if (!parsed.success) {
      const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
      return problem(response, 400, 'invalid-request', 'The request is not valid.', errors);
    }
    const planned = planOf(parsed.data, this.#options.instance);
    if (!planned.ok) return problem(response, 400, 'invalid-target', planned.error.message);
    const { plan } = planned;
    if (!request.path.endsWith('?forecast')) {
      delete plan.forecast;
      delete plan.order;
    }
    this.#options.alterPlan?.(plan);
    json(response, 200, planResponseSchema.parse(plan));
  }

  async #events(request: SentRequest, response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    const seen = String(request.headers['last-event-id'] ?? '0.0');
    await this.#job.tellEvents(seen, (event) => response.write(`${JSON.stringify(event)}\n`));
    response.end();
  }

  async #output(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const line of this.outputLines())
      response.write(`${JSON.stringify(outputLineSchema.parse(line))}\n`);
    await this.#job.released;
    response.end(`${JSON.stringify({ type: 'end' })}\n`);
  }

  #hostOutput(path: string, response: ServerResponse): void {
    const url = new URL(path, 'https://x');
    const host = decodeURIComponent(url.pathname.split('/')[5]!);
    const stream = url.searchParams.get('stream') === 'stderr' ? 'stderr' : 'stdout';
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.end(this.#job.outputOf(host, stream));
  }
}
