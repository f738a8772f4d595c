/** The dispatcher's API as calls with typed answers; every answer is parsed with the schema that declares it. */
import type { IncomingMessage } from 'node:http';
import type {
  AlterRequest,
  ApplyNamespaceRequest,
  DrainResponse,
  Explanation,
  HostInformation,
  JobDocument,
  JobHostDocument,
  JobReportDocument,
  JobRequest,
  JobSpec,
  NamespaceDocument,
  NamespaceList,
  NamespaceVersionDocument,
  NamespaceVersions,
  PingResponse,
  PlanResponse,
  ReplayRequest,
  ReplayResponse,
  SealedCredentials,
  SubmitRequest,
  VerbResponse,
  WorkerList,
} from '@pogo/protocol';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { DispatcherList, isSuccess, type Question, type Reply, type Time } from './dispatcher-list.js';
import type { Access } from './profile.js';
import type * as schemaModule from './schemas.js';
import { type PlanAnswer, planAnswer } from './plan-answer.js';
import { problemFailure } from './problem-failure.js';
import { get, post, queryText, requestTimeoutMs } from './questions.js';

/** What `POST /v1/jobs/:id/VERB` says. */
export interface VerbRequests {
  hold: Record<string, never>;
  alter: AlterRequest;
  resume: { credentials?: SealedCredentials };
  retry: { hosts?: string; fence?: boolean; credentials?: SealedCredentials };
  skip: { hosts: string };
  release: { hosts: string };
  resolve: { hosts?: string; credentials?: SealedCredentials };
}
export type JobVerb = keyof VerbRequests;

/** They say how a job shall be, so that saying it again changes nothing. */
const repeatableVerbs: ReadonlySet<JobVerb> = new Set(['hold', 'alter']);

type Schemas = typeof schemaModule;
interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } };
}

const namespacePath = (name: string) => `/v1/namespaces/${encodeURIComponent(name)}`;

/** A dispatcher that says nothing for so long about its own health isn't well. */
const healthAnswerMs = 5000;
/** Longer than a dispatcher waits for its workers. */
const pingTimeoutMs = 10_000;
/** A stream may be quiet, but that it is one is said at once; a dispatcher may wait for its log, and for a leader. */
const streamAnswerMs = 20_000;
/** Long jobs have long logs. */
const reportTimeoutMs = 600_000;

/** What one of the dispatchers said of itself and of what it sees. */
export interface DispatcherPing {
  readonly url: string;
  readonly roundTripMs: number;
  readonly pong: Result<PingResponse>;
}

export class Dispatcher {
  readonly #list: DispatcherList;
  #schemas: Promise<Schemas> | undefined;

  constructor(access: Access, time: Time) {
    this.#list = new DispatcherList(access, time);
  }

  /** Of the dispatcher that answered last. */
  get url(): string {
    return this.#list.url;
  }

  /** Whether there are others to ask. */
  get isOneOfSeveral(): boolean {
    return this.#list.urls.length > 1;
  }

  /** Begins to open a connection for a later request. */
  warm(): void {
    this.#list.warm();
  }

  close(): void {
    this.#list.close();
  }

  /** The schemas, loaded once. */
  schemas(): Promise<Schemas> {
    this.#schemas ??= import('./schemas.js');
    return this.#schemas;
  }

  /**
   * The plan as it came, with the form of everything but the spec checked: for a caller that compares the spec as a whole
   * with what it expects, which is stricter than its schema, and sooner ready. `onSent` as in {@link ApiRequest}.
   */
  async resolve(request: JobRequest, onSent: () => void): Promise<Result<PlanAnswer>> {
    const reply = await this.#list.ask({ ...post('/v1/plans', request), repeatable: true, onSent });
    if (reply.kind !== 'whole') return notWhole(reply);
    if (!isSuccess(reply.status)) return this.#problem(reply);
    const plan = planAnswer(parseJson(reply.body));
    return plan === undefined ? unexpected(reply.url, '/v1/plans', '') : success(plan);
  }

  /** With what the job would do. */
  plan(request: JobRequest): Promise<Result<PlanResponse>> {
    const question = { ...post('/v1/plans?forecast', request), repeatable: true };
    return this.#call(question, (schemas) => schemas.planResponseSchema);
  }

  /** Safe to repeat with the same key: the same job comes back. Each dispatcher is asked once. */
  submit(request: SubmitRequest, idempotencyKey: string): Promise<Result<JobDocument>> {
    const headers = { 'idempotency-key': idempotencyKey };
    const question = { ...post('/v1/jobs', request), headers, repeatable: true, once: true } as const;
    return this.#call(question, (schemas) => schemas.jobSchema);
  }

  job(id: string): Promise<Result<JobDocument>> {
    return this.#call(get(`/v1/jobs/${id}`), (schemas) => schemas.jobSchema);
  }

  /** Newest first; of all namespaces unless one is named. */
  jobs(query: {
    namespace?: string;
    state?: string;
    limit?: number;
    cursor?: string;
  }): Promise<Result<{ jobs: JobDocument[]; nextCursor?: string | undefined }>> {
    return this.#call(get(`/v1/jobs${queryText(query)}`), (schemas) => schemas.jobListSchema);
  }

  hosts(
    id: string,
    query: { state?: string; limit?: number; cursor?: string },
  ): Promise<Result<{ hosts: JobHostDocument[]; nextCursor?: string | undefined }>> {
    return this.#call(get(`/v1/jobs/${id}/hosts${queryText(query)}`), (schemas) => schemas.jobHostListSchema);
  }

  /** Halting again changes nothing. */
  halt(id: string, kill: boolean): Promise<Result<JobDocument>> {
    const question = { ...post(`/v1/jobs/${id}/halt`, { kill }), repeatable: true };
    return this.#call(question, (schemas) => schemas.jobSchema);
  }

  /** The job's whole spec, and who could run it now. */
  spec(id: string): Promise<Result<JobSpec>> {
    return this.#call(get(`/v1/jobs/${id}/spec`), (schemas) => schemas.jobSpecSchema);
  }

  /** Repeated by itself only where that changes nothing: a second retry would be another attempt. */
  act<V extends JobVerb>(id: string, verb: V, request: VerbRequests[V]): Promise<Result<VerbResponse>> {
    const question = { ...post(`/v1/jobs/${id}/${verb}`, request), repeatable: repeatableVerbs.has(verb) };
    return this.#call(question, (schemas) => schemas.verbResponseSchema);
  }

  /** How many bytes of the attachment the dispatcher has, from its beginning on. */
  async attachmentBytes(sha256: string): Promise<Result<number>> {
    const reply = await this.#list.ask({ ...get(`/v1/attachments/${sha256}`), method: 'HEAD' });
    if (reply.kind !== 'whole') return notWhole(reply);
    const { status, url } = reply;
    if (status === 404) return success(0);
    const bytes = Number(reply.headers['content-length'] ?? Number.NaN);
    if (isSuccess(status) && Number.isSafeInteger(bytes)) return success(bytes);
    return status >= 400 ? this.#problem(reply) : unexpected(url, `/v1/attachments/${sha256}`, '');
  }

  /** Sends the attachment's bytes from `from` on; the answer is how many of it the dispatcher has then. */
  putAttachment(
    sha256: string,
    part: { from: number; totalBytes: number; bytes: AsyncIterable<Uint8Array>; signal: AbortSignal },
  ): Promise<Result<{ bytes: number; complete: boolean }>> {
    const { from, totalBytes, bytes, signal } = part;
    return this.#call(
      {
        method: 'PUT',
        path: `/v1/attachments/${sha256}`,
        body: { bytes, length: totalBytes - from },
        headers: { 'content-range': `bytes ${from}-${totalBytes - 1}/${totalBytes}` },
        timeoutMs: requestTimeoutMs,
        signal,
        // The bytes are given once: the caller asks where to go on from.
        repeatable: false,
      },
      (schemas) => schemas.attachmentSchema,
    );
  }

  /** Which there are. */
  namespaces(): Promise<Result<NamespaceList>> {
    return this.#call(get('/v1/namespaces'), (schemas) => schemas.namespaceListSchema);
  }

  /** The version in force, with the file's text. */
  namespace(name: string): Promise<Result<NamespaceDocument>> {
    return this.#call(get(namespacePath(name)), (schemas) => schemas.namespaceSchema);
  }

  /** Versions that are kept, the newest first. */
  namespaceVersions(name: string): Promise<Result<NamespaceVersions>> {
    return this.#call(get(`${namespacePath(name)}/versions`), (schemas) => schemas.namespaceVersionsSchema);
  }

  /** One version, with the file's text. */
  namespaceVersion(name: string, version: number): Promise<Result<NamespaceVersionDocument>> {
    return this.#call(
      get(`${namespacePath(name)}/versions/${version}`),
      (schemas) => schemas.namespaceVersionSchema,
    );
  }

  /** `ifVersion`: only if that is the version in force; 0 is none. `create`: only if there is no such namespace. */
  applyNamespace(
    name: string,
    request: ApplyNamespaceRequest,
    { ifVersion, create }: { readonly ifVersion: number | undefined; readonly create: boolean },
  ): Promise<Result<NamespaceDocument>> {
    return this.#call(
      {
        method: 'PUT',
        path: namespacePath(name),
        body: JSON.stringify(request),
        headers: {
          ...(ifVersion !== undefined && { 'if-match': `"${ifVersion}"` }),
          ...(create && { 'if-none-match': '*' }),
        },
        timeoutMs: requestTimeoutMs,
        // After one that was obeyed, a condition would say that somebody else was faster.
        repeatable: ifVersion === undefined && !create,
      },
      (schemas) => schemas.namespaceSchema,
    );
  }

  /** Nothing new starts in the slot, or without one in any job. */
  freeze(name: string, request: { slot?: string; note?: string }): Promise<Result<NamespaceDocument>> {
    return this.#call(post(`${namespacePath(name)}/freeze`, request), (schemas) => schemas.namespaceSchema);
  }

  /** Lifts a freeze. */
  thaw(name: string, request: { slot?: string }): Promise<Result<NamespaceDocument>> {
    return this.#call(post(`${namespacePath(name)}/thaw`, request), (schemas) => schemas.namespaceSchema);
  }

  /** What the namespace knows about hosts; at most so many of them. */
  hostInformation(name: string, query: { targets: string; limit: number }): Promise<Result<HostInformation>> {
    return this.#call(
      get(`${namespacePath(name)}/hosts${queryText(query)}`),
      (schemas) => schemas.hostInformationSchema,
    );
  }

  /** What keeps hosts of the job waiting. */
  explanation(id: string): Promise<Result<Explanation>> {
    return this.#call(get(`/v1/jobs/${id}/explanation`), (schemas) => schemas.explanationSchema);
  }

  /** An ended job under other limits. */
  replay(id: string, request: ReplayRequest): Promise<Result<ReplayResponse>> {
    const question = { ...post(`/v1/jobs/${id}/replay`, request), repeatable: true };
    return this.#call(question, (schemas) => schemas.replayResponseSchema);
  }

  /** What became of the job, and whether limits were kept; looks through all of the log since its acceptance. */
  report(id: string): Promise<Result<JobReportDocument>> {
    return this.#call(
      { ...get(`/v1/jobs/${id}/report`), timeoutMs: reportTimeoutMs },
      (schemas) => schemas.jobReportSchema,
    );
  }

  /** Who they are, and who of them is drained. */
  workers(): Promise<Result<WorkerList>> {
    return this.#call(get('/v1/workers'), (schemas) => schemas.workerListSchema);
  }

  /** It gets no further host. */
  drain(worker: string, request: { note?: string }): Promise<Result<DrainResponse>> {
    return this.#drain(worker, 'drain', request);
  }

  /** It gets hosts again. */
  undrain(worker: string): Promise<Result<DrainResponse>> {
    return this.#drain(worker, 'undrain', {});
  }

  #drain(worker: string, verb: 'drain' | 'undrain', request: object): Promise<Result<DrainResponse>> {
    const path = `/v1/workers/${encodeURIComponent(worker)}/${verb}`;
    return this.#call({ ...post(path, request), repeatable: true }, (schemas) => schemas.drainResponseSchema);
  }

  /**
   * Asks whether somebody is there. What is being read from one that doesn't answer, while another one does, breaks off, and
   * goes on there.
   */
  async probe(signal: AbortSignal): Promise<void> {
    const question = { method: 'GET', path: '/healthz', repeatable: true } as const;
    await this.#list.ask({ ...question, answerMs: healthAnswerMs, once: true, signal });
  }

  /** Asks every dispatcher; what each said is in their order. */
  async pingEach(): Promise<DispatcherPing[]> {
    const question = { ...get('/v1/ping'), timeoutMs: pingTimeoutMs };
    const asked = await this.#list.askEach(question);
    return Promise.all(
      asked.map(async ({ url, reply, roundTripMs }) => ({
        url,
        roundTripMs,
        pong: await this.#answerOf(question, reply, (schemas) => schemas.pingResponseSchema),
      })),
    );
  }

  ping(): Promise<Result<PingResponse>> {
    return this.#call(get('/v1/ping'), (schemas) => schemas.pingResponseSchema);
  }

  /**
   * A response whose body the caller reads as it comes; it breaks off when this dispatcher no longer answers and another
   * does. With `once` each dispatcher is asked once.
   */
  async stream(
    path: string,
    options: { headers?: Record<string, string>; signal?: AbortSignal; once?: true } = {},
  ): Promise<Result<IncomingMessage>> {
    const reply = await this.#list.ask({
      method: 'GET',
      path,
      ...options,
      answerMs: streamAnswerMs,
      streams: true,
      repeatable: true,
    });
    if (reply.kind === 'stream') return success(reply.message);
    return reply.kind === 'failed' ? failed(reply.failure) : this.#problem(reply);
  }

  async #call<T>(question: Question, schemaOf: (schemas: Schemas) => Schema<T>): Promise<Result<T>> {
    const reply = await this.#list.ask({ ...question, onSent: () => void this.schemas() });
    return this.#answerOf(question, reply, schemaOf);
  }

  async #answerOf<T>(
    question: Question,
    reply: Reply,
    schemaOf: (schemas: Schemas) => Schema<T>,
  ): Promise<Result<T>> {
    if (reply.kind !== 'whole') return notWhole(reply);
    if (!isSuccess(reply.status)) return this.#problem(reply);
    const schemas = await this.schemas();
    const parsed = schemaOf(schemas).safeParse(parseJson(reply.body));
    if (parsed.success) return success(parsed.data);
    const issue = parsed.error.issues[0];
    return unexpected(reply.url, question.path, issue ? ` (${issue.path.join('.')}: ${issue.message})` : '');
  }

  async #problem({ status, body, url }: Reply & { kind: 'whole' }): Promise<Result<never>> {
    const parsed = (await this.schemas()).problemSchema.safeParse(parseJson(body));
    return failed(problemFailure(status, parsed.success ? parsed.data : undefined, url));
  }
}

function unexpected(url: string, path: string, what: string): Result<never> {
  return failed({
    code: 'invalid-answer',
    message: `the dispatcher at ${url} answered ${path} with something else than expected${what}: is it of another version? See \`pogo ping\``,
    exitCode: exitCodes.error,
  });
}

/** A stream is what nobody asked for here. */
function notWhole(reply: Exclude<Reply, { kind: 'whole' }>): Result<never> {
  return reply.kind === 'failed' ? failed(reply.failure) : unexpected(reply.url, 'a question', '');
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
