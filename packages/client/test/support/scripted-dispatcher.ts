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
  type JobHostDocument,
  jobHostListSchema,
  jobRequestSchema,
  type JobSpec,
  jobSpecSchema,
  type PlanResponse,
  planResponseSchema,
  type SubmitRequest,
  submitRequestSchema,
  verbResponseSchema,
} from '@pogo/protocol';
import type { TestInstance } from './certificates.js';
import { json, problem } from './answers.js';
import { ScriptedAttachments } from './scripted-attachments.js';
import { planOf, recipientOf, submitter } from './scripted-plan.js';

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

type EventBody = JobEventDocument extends infer Event
  ? Event extends unknown
    ? Omit<Event, 'id' | 'atMs'>
    : never
  : never;

/** A verb that was used on the job. */
export interface UsedVerb {
  verb: string;
  body: { hosts?: string; fence?: boolean; credentials?: SubmitRequest['credentials'] };
}

type Handler = (request: SentRequest, response: ServerResponse) => boolean | Promise<boolean>;

export interface ScriptedDispatcherOptions {
  instance: TestInstance;
  token: string;
  host?(name: string, attempt: number): ScriptedHost;
  /** Changes the plan before it is sent. */
  alterPlan?(plan: PlanResponse): void;
  /** Sees each request first; true when it has answered, or broken the connection. */
  intercept?: Handler;
  /** Changes the spec of a job before it is sent. */
  alterSpec?(spec: JobSpec): void;
  /** Changes what is told of a host. */
  alterHost?(host: JobHostDocument): void;
  /** The problem that a verb meets; undefined: it is obeyed. */
  refuse?(used: UsedVerb): { code: string; detail: string } | undefined;
  /** Begins jobs by losing their credentials: they go on once a verb brings others. */
  losesCredentials?: boolean;
  /** Breaks the connection of an upload after so many of its bytes; called for each. */
  breakUploadAfter?(upload: number): number | undefined;
  /** Keeps jobs running until {@link ScriptedDispatcher.release} is called. */
  hold?: boolean;
}

export class ScriptedDispatcher {
  readonly requests: SentRequest[] = [];
  submitted: SubmitRequest | undefined;
  halts: boolean[] = [];
  readonly used: UsedVerb[] = [];
  readonly attachments: ScriptedAttachments;
  readonly #options: ScriptedDispatcherOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<{ matches: (request: SentRequest) => boolean; resolve: () => void }>();
  #release: () => void = () => undefined;
  readonly #released: Promise<void>;
  #renew: () => void = () => undefined;
  readonly #renewed: Promise<void>;
  #needsCredentials = false;
  #ended: boolean;
  /** Hosts of each attempt: all of them at first, then those that were retried. */
  readonly #rounds: string[][] = [];

  constructor(options: ScriptedDispatcherOptions) {
    this.#options = options;
    this.attachments = new ScriptedAttachments(options.breakUploadAfter);
    this.#ended = options.hold !== true;
    this.#released =
      options.hold === true ? new Promise((resolve) => (this.#release = resolve)) : Promise.resolve();
    this.#renewed =
      options.losesCredentials === true
        ? new Promise((resolve) => (this.#renew = resolve))
        : Promise.resolve();
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
    this.#renew();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Lets a held job go on to its end. */
  release(): void {
    this.#ended = true;
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
    const counts: Partial<Record<HostState, number>> = {};
    for (const { state } of this.hostDocuments()) counts[state] = (counts[state] ?? 0) + 1;
    const state = this.#needsCredentials
      ? 'needs-credentials'
      : this.#ended
        ? this.#endAfter(this.#rounds.length)
        : 'running';
    return jobSchema.parse({
      id: 'p0000000012',
      state,
      title: 'a title',
      submitter: spec.submitter,
      namespace: spec.namespace,
      digest,
      hosts: this.hosts.length,
      counts,
      limits,
      acceptedAtMs: 1,
      ...(this.halts.length > 0 && {
        halt: { by: submitter, cause: 'request', kill: this.halts.includes(true) },
      }),
    });
  }

  /** The hosts as they stand. */
  hostDocuments(): JobHostDocument[] {
    return this.hosts.map((host) => {
      const attempt = this.#attemptOf(host);
      const { outcome } = this.#script(host, attempt);
      const over = this.#ended && !this.#needsCredentials;
      const document: JobHostDocument = over
        ? { host, state: outcome.state, attempt, outcome: { ...outcome, methodsTried: undefined } }
        : { host, state: 'running', attempt };
      this.#options.alterHost?.(document);
      return document;
    });
  }

  #attemptOf(host: string, rounds = this.#rounds.length): number {
    return this.#rounds.slice(0, rounds).filter((hosts) => hosts.includes(host)).length;
  }

  /** How the job had ended after so many rounds. */
  #endAfter(rounds: number): 'halted' | 'succeeded' | 'failed' {
    if (this.halts.length > 0) return 'halted';
    const all = this.hosts.every(
      (host) => this.#script(host, this.#attemptOf(host, rounds)).outcome.state === 'succeeded',
    );
    return all ? 'succeeded' : 'failed';
  }

  get hosts(): string[] {
    const expanded = resolveTargets(this.submitted!.spec.targets);
    return expanded.ok ? expanded.targets.map(({ host }) => host) : [];
  }

  #script(name: string, attempt: number): ScriptedHost {
    return this.#options.host?.(name, attempt) ?? { outcome: { state: 'succeeded', exitCode: 0 } };
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (message.method === 'PUT') {
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
    if (method === 'POST' && path === '/v1/plans') return this.#plan(request, response);
    if (method === 'POST' && path === '/v1/jobs') {
      this.submitted = submitRequestSchema.parse(JSON.parse(request.body));
      this.#rounds.splice(0, Infinity, this.hosts);
      this.#needsCredentials = this.#options.losesCredentials === true;
      return json(response, 202, this.job);
    }
    if (method === 'HEAD' && path.startsWith('/v1/attachments/'))
      return this.attachments.head(path, response);
    if (this.submitted === undefined || !/^\/v1\/jobs\/(p0000000012|last)([/?]|$)/.test(path)) {
      return problem(response, 404, 'unknown-job', `There is no job at ${path}.`);
    }
    if (path.includes('/events')) return this.#events(request, response);
    if (path.includes('/output?follow')) return this.#output(response);
    if (path.includes('/hosts/')) return this.#hostOutput(path, response);
    if (path.includes('/hosts')) {
      const state = new URL(path, 'https://x').searchParams.get('state');
      const hosts = this.hostDocuments().filter((host) => state === null || host.state === state);
      return json(response, 200, jobHostListSchema.parse({ hosts }));
    }
    if (path.endsWith('/spec')) return json(response, 200, this.#spec());
    if (method === 'POST' && path.endsWith('/halt')) {
      this.halts.push((JSON.parse(request.body) as { kill: boolean }).kill);
      this.release();
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
    if (this.#needsCredentials && used.body.credentials === undefined) {
      return problem(response, 409, 'credentials-needed', 'Nothing holds the credentials of the job.');
    }
    const named = resolveTargets(used.body.hosts ?? '');
    const hosts =
      used.body.hosts === undefined
        ? this.hostDocuments().flatMap(({ host, state }) => (state === 'succeeded' ? [] : [host]))
        : named.ok
          ? named.targets.map(({ host }) => host)
          : [];
    this.#needsCredentials = false;
    this.#renew();
    if (used.verb === 'retry') this.#rounds.push(hosts);
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
    this.#options.alterPlan?.(plan);
    json(response, 200, planResponseSchema.parse(plan));
  }

  async #events(request: SentRequest, response: ServerResponse): Promise<void> {
    const seen = String(request.headers['last-event-id'] ?? '0.0')
      .split('.')
      .map(Number) as [number, number];
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    response.flushHeaders();
    for (let round = 0; round < this.#rounds.length; round++) {
      let position = 0;
      const send = (event: EventBody) => {
        const id = [7 + round, position++] as const;
        if (id[0] < seen[0] || (id[0] === seen[0] && id[1] <= seen[1])) return;
        response.write(`${JSON.stringify(jobEventSchema.parse({ ...event, id: id.join('.'), atMs: 1 }))}\n`);
      };
      await this.#round(round, send);
    }
    response.end();
  }

  /** The events of one attempt, from its beginning to the end of the job. */
  async #round(round: number, send: (event: EventBody) => void): Promise<void> {
    const hosts = this.#rounds[round]!;
    const folded = foldTargets(hosts.map((host) => ({ host })));
    const states = (state: HostState) =>
      send({ type: 'hosts-state', state, hosts: folded, count: hosts.length });
    send({ type: 'job-state', state: 'running', counts: { waiting: hosts.length } });
    if (round > 0) states('waiting');
    states('running');
    if (this.#options.losesCredentials === true && round === 0) {
      send({ type: 'job-state', state: 'needs-credentials', counts: {} });
      await this.#renewed;
      send({ type: 'job-state', state: 'running', counts: {} });
    }
    await this.#released;
    for (const host of hosts) {
      const { outcome } = this.#script(host, round + 1);
      send({
        type: 'host-finished',
        host,
        attempt: round + 1,
        outcome: jobEventSchema.options[2].shape.outcome.parse(outcome),
      });
    }
    send({ type: 'job-state', state: this.#endAfter(round + 1), counts: {} });
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
    const queues = this.#rounds.flatMap((hosts, round) =>
      hosts.flatMap((host) =>
        (['stdout', 'stderr'] as const).map((stream) => ({
          host,
          attempt: round + 1,
          stream,
          offset: 0,
          pieces: [...(this.#script(host, round + 1)[stream] ?? [])],
        })),
      ),
    );
    const lines: OutputLine[] = [];
    for (let some = true; some;) {
      some = false;
      for (const queue of queues) {
        const piece = queue.pieces.shift();
        if (piece === undefined) continue;
        some = true;
        const { host, attempt, stream, offset } = queue;
        lines.push({
          type: 'output',
          host,
          attempt,
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
    response.end(Buffer.concat(this.#script(host, this.#attemptOf(host))[stream] ?? []));
  }
}
