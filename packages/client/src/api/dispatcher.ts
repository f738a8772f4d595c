/** The dispatcher's API as calls with typed answers; every answer is parsed with the schema that declares it. */
import type { IncomingMessage } from 'node:http';
import type {
  AlterRequest,
  ApplyNamespaceRequest,
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
} from '@pogo/protocol';
import { exitCodes, failed, type Result, success } from '../failure.js';
import { type ApiRequest, type ApiResponse, Connection } from './connection.js';
import type { Access } from './profile.js';
import type * as schemaModule from './schemas.js';
import { type PlanAnswer, planAnswer } from './plan-answer.js';
import { problemFailure } from './problem-failure.js';

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

type Schemas = typeof schemaModule;
interface Schema<T> {
  safeParse(
    value: unknown,
  ):
    | { success: true; data: T }
    | { success: false; error: { issues: readonly { path: PropertyKey[]; message: string }[] } };
}

const namespacePath = (name: string) => `/v1/namespaces/${encodeURIComponent(name)}`;

/** Answers are documents of bounded size; streams are read by the piece. */
const maxDocumentBytes = 256 * 1024 * 1024;
const requestTimeoutMs = 60_000;
/** Long jobs have long logs. */
const reportTimeoutMs = 600_000;

export class Dispatcher {
  readonly url: string;
  readonly #connection: Connection;
  #schemas: Promise<Schemas> | undefined;

  constructor(access: Access) {
    this.#connection = new Connection(access);
    this.url = this.#connection.url;
  }

  /** Begins to open a connection for a later request. */
  warm(): void {
    this.#connection.warm();
  }

  close(): void {
    this.#connection.close();
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
    const answer = await this.#connection.request({ ...this.#post('/v1/plans', request), onSent });
    if (answer.kind !== 'response') return this.#notAnswered(answer);
    const status = answer.message.statusCode ?? 0;
    const body = await readBody(answer.message);
    if (body === undefined) return this.#brokenOff();
    if (status < 200 || status >= 300) return this.#problem(status, body);
    const plan = planAnswer(parseJson(body));
    return plan === undefined ? this.#unexpected('/v1/plans', '') : success(plan);
  }

  /** With what the job would do. */
  plan(request: JobRequest): Promise<Result<PlanResponse>> {
    return this.#call(this.#post('/v1/plans?forecast', request), (schemas) => schemas.planResponseSchema);
  }

  /** Safe to repeat with the same key: the same job comes back. */
  submit(request: SubmitRequest, idempotencyKey: string): Promise<Result<JobDocument>> {
    return this.#call(
      this.#post('/v1/jobs', request, { 'idempotency-key': idempotencyKey }),
      (schemas) => schemas.jobSchema,
    );
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

  halt(id: string, kill: boolean): Promise<Result<JobDocument>> {
    return this.#call(this.#post(`/v1/jobs/${id}/halt`, { kill }), (schemas) => schemas.jobSchema);
  }

  /** The job's whole spec, and who could run it now. */
  spec(id: string): Promise<Result<JobSpec>> {
    return this.#call(get(`/v1/jobs/${id}/spec`), (schemas) => schemas.jobSpecSchema);
  }

  /** Not safe to repeat: a second retry would be another attempt. */
  act<V extends JobVerb>(id: string, verb: V, request: VerbRequests[V]): Promise<Result<VerbResponse>> {
    return this.#call(this.#post(`/v1/jobs/${id}/${verb}`, request), (schemas) => schemas.verbResponseSchema);
  }

  /** How many bytes of the attachment the dispatcher has, from its beginning on. */
  async attachmentBytes(sha256: string): Promise<Result<number>> {
    const request: ApiRequest = { ...get(`/v1/attachments/${sha256}`), method: 'HEAD' };
    const response = await this.#connection.request(request);
    if (response.kind !== 'response') return this.#notAnswered(response);
    const { message } = response;
    const status = message.statusCode ?? 0;
    await readBody(message);
    if (status === 404) return success(0);
    const bytes = Number(message.headers['content-length'] ?? Number.NaN);
    if (status >= 200 && status < 300 && Number.isSafeInteger(bytes)) return success(bytes);
    return status >= 400 ? this.#problem(status, undefined) : this.#unexpected(request.path, '');
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
      },
      (schemas) => schemas.namespaceSchema,
    );
  }

  /** Nothing new starts in the slot, or without one in any job. */
  freeze(name: string, request: { slot?: string; note?: string }): Promise<Result<NamespaceDocument>> {
    return this.#call(
      this.#post(`${namespacePath(name)}/freeze`, request),
      (schemas) => schemas.namespaceSchema,
    );
  }

  /** Lifts a freeze. */
  thaw(name: string, request: { slot?: string }): Promise<Result<NamespaceDocument>> {
    return this.#call(
      this.#post(`${namespacePath(name)}/thaw`, request),
      (schemas) => schemas.namespaceSchema,
    );
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
    return this.#call(
      this.#post(`/v1/jobs/${id}/replay`, request),
      (schemas) => schemas.replayResponseSchema,
    );
  }

  /** What became of the job, and whether limits were kept; looks through all of the log since its acceptance. */
  report(id: string): Promise<Result<JobReportDocument>> {
    return this.#call(
      { ...get(`/v1/jobs/${id}/report`), timeoutMs: reportTimeoutMs },
      (schemas) => schemas.jobReportSchema,
    );
  }

  ping(): Promise<Result<PingResponse>> {
    return this.#call(get('/v1/ping'), (schemas) => schemas.pingResponseSchema);
  }

  /** A response whose body the caller reads as it comes. */
  async stream(
    path: string,
    options: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Result<IncomingMessage>> {
    const response = await this.#connection.request({ method: 'GET', path, ...options });
    if (response.kind !== 'response') return this.#notAnswered(response);
    const { message } = response;
    const status = message.statusCode ?? 0;
    if (status >= 200 && status < 300) return success(message);
    return this.#problem(status, await readBody(message));
  }

  async #call<T>(request: ApiRequest, schemaOf: (schemas: Schemas) => Schema<T>): Promise<Result<T>> {
    const response = await this.#connection.request({ ...request, onSent: () => void this.schemas() });
    if (response.kind !== 'response') return this.#notAnswered(response);
    const status = response.message.statusCode ?? 0;
    const body = await readBody(response.message);
    if (body === undefined) return this.#brokenOff();
    if (status < 200 || status >= 300) return this.#problem(status, body);
    const schemas = await this.schemas();
    const parsed = schemaOf(schemas).safeParse(parseJson(body));
    if (parsed.success) return success(parsed.data);
    const issue = parsed.error.issues[0];
    return this.#unexpected(request.path, issue ? ` (${issue.path.join('.')}: ${issue.message})` : '');
  }

  #brokenOff(): Result<never> {
    return this.#notAnswered({ kind: 'unreachable', cause: 'its answer broke off' });
  }

  #unexpected(path: string, what: string): Result<never> {
    return failed({
      code: 'invalid-answer',
      message: `the dispatcher at ${this.url} answered ${path} with something else than expected${what}: is it of another version? See \`pogo ping\``,
      exitCode: exitCodes.error,
    });
  }

  #post(path: string, body: unknown, headers: Record<string, string> = {}): ApiRequest {
    return { method: 'POST', path, body: JSON.stringify(body), headers, timeoutMs: requestTimeoutMs };
  }

  async #problem(status: number, body: Buffer | undefined): Promise<Result<never>> {
    const parsed = (await this.schemas()).problemSchema.safeParse(parseJson(body));
    return failed(problemFailure(status, parsed.success ? parsed.data : undefined, this.url));
  }

  #notAnswered(response: Exclude<ApiResponse, { kind: 'response' }>): Result<never> {
    if (response.kind === 'untrusted') {
      return failed({
        code: 'dispatcher-untrusted',
        message: `what answers at ${this.url} is not the dispatcher of this profile: ${response.cause}. Nothing was sent; find out who listens there`,
        exitCode: exitCodes.error,
      });
    }
    return failed({
      code: 'dispatcher-unreachable',
      message: `no dispatcher at ${this.url}: ${response.cause}. Start one on this machine with \`pogo up\`, or set POGO_HOME to the directory of a running one`,
      exitCode: exitCodes.error,
    });
  }
}

function get(path: string): ApiRequest {
  return { method: 'GET', path, timeoutMs: requestTimeoutMs };
}

function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const entries = Object.entries(query).filter(
    (entry): entry is [string, string | number] => entry[1] !== undefined,
  );
  return entries.length === 0
    ? ''
    : `?${entries.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}

/** The whole body; undefined when the connection broke or the body is too large. */
async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of message) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > maxDocumentBytes) return undefined;
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

function parseJson(body: Buffer | undefined): unknown {
  if (body === undefined) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
