/**
 * A small dispatcher for tests: real HTTPS, the real schemas in both directions, and a script for what jobs do. It keeps
 * what it was sent, and can break connections where a test says so.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { foldTargets, type HostState, type Outcome, resolveTargets } from '@pogo/core';
import {
  type JobDocument,
  jobSchema,
  type OutputLine,
  outputLineSchema,
  jobEventSchema,
  type JobEventDocument,
  jobRequestSchema,
  type PlanResponse,
  planResponseSchema,
  type SubmitRequest,
  submitRequestSchema,
  specDigest,
} from '@pogo/protocol';
import { keyIdOf, type TestInstance } from './certificates.js';

export interface SentRequest {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}

/** What one host of the scripted job does. */
export interface ScriptedHost {
  outcome: Outcome;
  stdout?: Uint8Array[];
  stderr?: Uint8Array[];
}

type Handler = (request: SentRequest, response: ServerResponse) => boolean | Promise<boolean>;

export interface ScriptedDispatcherOptions {
  instance: TestInstance;
  token: string;
  host?(name: string): ScriptedHost;
  /** Changes the plan before it is sent. */
  alterPlan?(plan: PlanResponse): void;
  /** Sees each request first; true when it has answered, or broken the connection. */
  intercept?: Handler;
  /** Keeps jobs running until {@link ScriptedDispatcher.release} is called. */
  hold?: boolean;
}

export const submitter = 'tester';

export class ScriptedDispatcher {
  readonly requests: SentRequest[] = [];
  submitted: SubmitRequest | undefined;
  halts: boolean[] = [];
  readonly #options: ScriptedDispatcherOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<{ matches: (request: SentRequest) => boolean; resolve: () => void }>();
  #release: () => void = () => undefined;
  readonly #released: Promise<void>;
  #ended = false;

  constructor(options: ScriptedDispatcherOptions) {
    this.#options = options;
    this.#released =
      options.hold === true ? new Promise((resolve) => (this.#release = resolve)) : Promise.resolve();
    const { dispatcher } = options.instance;
    this.#server = createServer({ key: dispatcher.key, cert: dispatcher.certificate, minVersion: 'TLSv1.3' });
    this.#server.on('request', (request, response) => void this.#serve(request, response));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
    });
    this.#server.on('tlsClientError', () => undefined);
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#release();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Lets a held job go on to its end. */
  release(): void {
    this.#release();
  }

  /** Resolves once such a request has come. */
  seen(matches: (request: SentRequest) => boolean): Promise<void> {
    if (this.requests.some(matches)) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ matches, resolve }));
  }

  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  get job(): JobDocument {
    const { spec, digest, limits } = this.submitted!;
    const outcomes = this.hosts.map((name) => this.#script(name).outcome.state);
    const state = !this.#ended
      ? 'running'
      : this.halts.length > 0
        ? 'halted'
        : outcomes.every((one) => one === 'succeeded')
          ? 'succeeded'
          : 'failed';
    return jobSchema.parse({
      id: 'p0000000012',
      state,
      title: 'a title',
      submitter: spec.submitter,
      namespace: spec.namespace,
      digest,
      hosts: this.hosts.length,
      counts: { running: this.hosts.length },
      limits,
      acceptedAtMs: 1,
      ...(this.halts.length > 0 && {
        halt: { by: submitter, cause: 'request', kill: this.halts.includes(true) },
      }),
    });
  }

  get hosts(): string[] {
    const expanded = resolveTargets(this.submitted!.spec.targets);
    return expanded.ok ? expanded.targets.map(({ host }) => host) : [];
  }

  #script(name: string): ScriptedHost {
    return this.#options.host?.(name) ?? { outcome: { state: 'succeeded', exitCode: 0 } };
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request: SentRequest = {
      method: message.method!,
      path: message.url!,
      headers: message.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    this.requests.push(request);
    for (const waiting of this.#waiting) {
      if (!waiting.matches(request)) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
    if (request.headers.authorization !== `Bearer ${this.#options.token}`) {
      return problem(response, 401, 'unauthenticated', 'the token is wrong');
    }
    if ((await this.#options.intercept?.(request, response)) === true) return;
    await this.#route(request, response);
  }

  async #route(request: SentRequest, response: ServerResponse): Promise<void> {
    const { method, path } = request;
    if (method === 'POST' && path === '/v1/plans') return this.#plan(request, response);
    if (method === 'POST' && path === '/v1/jobs') {
      this.submitted = submitRequestSchema.parse(JSON.parse(request.body));
      return json(response, 202, this.job);
    }
    if (this.submitted === undefined || !/^\/v1\/jobs\/(p0000000012|last)([/?]|$)/.test(path)) {
      return problem(response, 404, 'unknown-job', `There is no job at ${path}.`);
    }
    if (path.includes('/events')) return this.#events(request, response);
    if (path.includes('/output?follow')) return this.#output(response);
    if (path.includes('/hosts/')) return this.#hostOutput(path, response);
    if (path.includes('/hosts')) {
      const hosts = this.hosts.map((host) => ({
        host,
        state: this.#script(host).outcome.state,
        attempt: 1,
        outcome: this.#script(host).outcome,
      }));
      return json(response, 200, { hosts });
    }
    if (method === 'POST' && path.endsWith('/halt')) {
      this.halts.push((JSON.parse(request.body) as { kill: boolean }).kill);
      this.release();
      return json(response, 202, this.job);
    }
    return json(response, 200, this.job);
  }

  #plan(request: SentRequest, response: ServerResponse): void {
    const parsed = jobRequestSchema.safeParse(JSON.parse(request.body));
    if (!parsed.success) {
      const errors = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
      return problem(response, 400, 'invalid-request', 'The request is not valid.', errors);
    }
    const { limits, targets, ...rest } = parsed.data;
    const expanded = resolveTargets(targets);
    if (!expanded.ok) return problem(response, 400, 'invalid-target', expanded.error.message);
    const all = expanded.targets.map(({ host, user = rest.user, port = rest.port }) => ({
      host,
      user,
      port,
    }));
    const spec = { ...rest, targets: foldTargets(all), submitter, lifetimeMs: 60_000 };
    const count = (text: string | null) =>
      text === null
        ? null
        : text.endsWith('%')
          ? Math.max(1, Math.floor((Number.parseInt(text) * all.length) / 100))
          : Number(text);
    const { certificate } = this.#options.instance.sealing;
    const plan: PlanResponse = {
      spec,
      digest: specDigest(spec),
      limits: {
        concurrent: count(limits.concurrent),
        maxFailures: count(limits.maxFailures),
        jobTimeoutMs: limits.jobTimeoutMs,
      },
      hosts: all.length,
      order: {
        firstWave: foldTargets(all.map(({ host }) => ({ host }))),
        firstWaveHosts: all.length,
        remainingHosts: 0,
      },
      warnings: [],
      recipients: [{ worker: 'worker-1', kid: keyIdOf(certificate), certificate }],
    };
    this.#options.alterPlan?.(plan);
    json(response, 200, planResponseSchema.parse(plan));
  }

  async #events(request: SentRequest, response: ServerResponse): Promise<void> {
    const after = Number(/^\d+\.(\d+)$/.exec(String(request.headers['last-event-id'] ?? ''))?.[1] ?? -1);
    const hosts = this.hosts;
    const states = (state: HostState): JobEventDocument => ({
      id: '7.1',
      atMs: 1,
      type: 'hosts-state',
      state,
      hosts: foldTargets(hosts.map((host) => ({ host }))),
      count: hosts.length,
    });
    const before: JobEventDocument[] = [
      { id: '7.0', atMs: 1, type: 'job-state', state: 'running', counts: { waiting: hosts.length } },
      states('running'),
    ];
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const [index, event] of before.entries())
      if (index > after) response.write(`${JSON.stringify(jobEventSchema.parse(event))}\n`);
    response.flushHeaders();
    await this.#released;
    this.#ended = true;
    const rest: JobEventDocument[] = hosts.map((host, index) => ({
      id: `7.${index + 2}`,
      atMs: 2,
      type: 'host-finished',
      host,
      attempt: 1,
      outcome: jobEventSchema.options[2].shape.outcome.parse(this.#script(host).outcome),
    }));
    rest.push({ id: `7.${hosts.length + 2}`, atMs: 3, type: 'job-state', state: this.job.state, counts: {} });
    for (const [index, event] of rest.entries())
      if (index + 2 > after) response.write(`${JSON.stringify(event)}\n`);
    response.end();
  }

  async #output(response: ServerResponse): Promise<void> {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const line of this.outputLines())
      response.write(`${JSON.stringify(outputLineSchema.parse(line))}\n`);
    await this.#released;
    response.end(`${JSON.stringify({ type: 'end' })}\n`);
  }

  /** Every piece of output, hosts taking turns. */
  outputLines(): OutputLine[] {
    const queues = this.hosts.flatMap((host) =>
      (['stdout', 'stderr'] as const).map((stream) => ({
        host,
        stream,
        offset: 0,
        pieces: [...(this.#script(host)[stream] ?? [])],
      })),
    );
    const lines: OutputLine[] = [];
    for (let some = true; some;) {
      some = false;
      for (const queue of queues) {
        const piece = queue.pieces.shift();
        if (piece === undefined) continue;
        some = true;
        const { host, stream, offset } = queue;
        lines.push({
          type: 'output',
          host,
          attempt: 1,
          stream,
          offset,
          data: Buffer.from(piece).toString('base64'),
        });
        queue.offset += piece.length;
      }
    }
    return lines;
  }

  #hostOutput(path: string, response: ServerResponse): void {
    const url = new URL(path, 'https://x');
    const host = decodeURIComponent(url.pathname.split('/')[5]!);
    const stream = url.searchParams.get('stream') === 'stderr' ? 'stderr' : 'stdout';
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    response.end(Buffer.concat(this.#script(host)[stream] ?? []));
  }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

export function problem(
  response: ServerResponse,
  status: number,
  code: string,
  detail: string,
  errors?: { path: string; message: string }[],
): void {
  response.writeHead(status, { 'content-type': 'application/problem+json' });
  response.end(
    JSON.stringify({
      type: `urn:pogo:problem:${code}`,
      title: code,
      status,
      detail,
      ...(errors && { errors }),
    }),
  );
}
