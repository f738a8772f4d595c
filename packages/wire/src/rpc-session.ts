/**
 * JSON-RPC 2.0 over text frames, both ways, independent of what carries them.
 *
 * 1. Whatever text arrives, nothing throws: what isn't a request is answered with a standard error, unless it looks
 *    like an answer itself (two sides must not send errors to and fro), and batches aren't taken.
 * 2. Handlers start in the order in which their requests arrived.
 * 3. Every call ends: by answer, time, or the end of the session; none is left behind.
 * 4. A throw in a handler is reported here and is `internal` to the caller, without details.
 */
import type { Clock } from '@pogo/lifecycle';
import {
  createJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResponse,
  JSONRPCClient,
  JSONRPCErrorCode,
  type JSONRPCErrorResponse,
  type JSONRPCID,
  type JSONRPCResponse,
  JSONRPCServer,
} from 'json-rpc-2.0';
import { describeIssues, type Method, MethodError, type Schema } from './method.js';
import type { CallOutcome } from './peer.js';

export interface RpcSessionOptions {
  clock: Clock;
  methods: Readonly<Record<string, Method>>;
  /** Largest text sent, in bytes. */
  maxFrameBytes: number;
  /** Hands one frame to the carrier; false when it is gone. */
  send(text: Uint8Array): boolean;
  /** A handler threw (4). */
  failed(method: string, error: unknown): void;
}

/**
 * Numbers of errors that are made up on this side for its own pending calls; an answer that carries one of them is
 * no answer. The library uses 0 when a call can't be sent, and for all that is pending at the end.
 */
const localCodes = { unsent: 0, timeout: -1 } as const;
/** Refusals on purpose travel under this number, with their stable code beside it. */
const refusedCode = -32000;

const standardCodes: Readonly<Record<number, string>> = {
  [JSONRPCErrorCode.ParseError]: 'invalid-frame',
  [JSONRPCErrorCode.InvalidRequest]: 'invalid-frame',
  [JSONRPCErrorCode.MethodNotFound]: 'unknown-method',
  [JSONRPCErrorCode.InvalidParams]: 'invalid-params',
};

class FrameTooLarge extends RangeError {}

export class RpcSession {
  readonly #options: RpcSessionOptions;
  readonly #client: JSONRPCClient;
  readonly #server = new JSONRPCServer({ errorListener: () => undefined });
  #nextId = 1;
  #ended = false;

  constructor(options: RpcSessionOptions) {
    this.#options = options;
    this.#client = new JSONRPCClient((payload: unknown) => this.#send(payload));
    this.#server.mapErrorToJSONRPCErrorResponse = errorResponse;
    for (const [name, served] of Object.entries(options.methods)) {
      this.#server.addMethod(name, (params: unknown) => this.#serve(name, served, params));
    }
  }

  /** Takes one text frame (1). */
  receive(text: string): void {
    if (this.#ended) return;
    let payload: unknown;
    try {
      payload = JSON.parse(text);
    } catch {
      this.#answer(createJSONRPCErrorResponse(null, JSONRPCErrorCode.ParseError, 'not JSON'));
      return;
    }
    if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) {
      this.#refuse(null);
    } else if (isJSONRPCResponse(payload)) {
      this.#client.receive(withoutLocalCode(payload));
    } else if ('result' in payload || 'error' in payload) {
      return;
    } else if (isJSONRPCRequest(payload) && typeof payload.method === 'string' && isUsableId(payload.id)) {
      void this.#server.receive(payload).then((response) => {
        if (response !== null) this.#answer(response);
      });
    } else {
      this.#refuse('id' in payload && isUsableId(payload.id) ? (payload.id ?? null) : null);
    }
  }

  async call<T>(
    method: string,
    params: unknown,
    result: Schema<T>,
    options: { timeoutMs: number },
  ): Promise<CallOutcome<T>> {
    if (this.#ended) return { kind: 'closed' };
    const id = this.#nextId++;
    const timer = this.#options.clock.setTimer(options.timeoutMs, () => {
      this.#client.receive(createJSONRPCErrorResponse(id, localCodes.timeout, 'no answer in time'));
    });
    const response = await this.#client.requestAdvanced({ jsonrpc: '2.0', id, method, params });
    timer.cancel();
    if (response.error !== undefined) return this.#failure(response.error);
    const parsed = result.safeParse(response.result);
    return parsed.success
      ? { kind: 'ok', value: parsed.data as T }
      : { kind: 'invalid', message: describeIssues(parsed.error) };
  }

  /** @throws {RangeError} when it doesn't fit into a frame. */
  notify(method: string, params: unknown): void {
    if (this.#ended) return;
    this.#send({ jsonrpc: '2.0', method, params });
  }

  /** The carrier is gone: pending calls end as `closed` (3). */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#client.rejectAllPendingRequests('closed');
  }

  #failure(error: { code: number; message: string; data?: unknown }): CallOutcome<never> {
    if (error.code === localCodes.timeout) return { kind: 'timeout' };
    if (error.code === localCodes.unsent) {
      return this.#ended
        ? { kind: 'closed' }
        : { kind: 'error', code: 'frame-too-large', message: error.message };
    }
    return { kind: 'error', code: stableCode(error), message: textOf(error.message) };
  }

  #serve(name: string, served: Method, params: unknown): unknown {
    try {
      const result = served.serve(params);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => this.#rethrow(name, error));
    } catch (error) {
      return this.#rethrow(name, error);
    }
  }

  #rethrow(name: string, error: unknown): never {
    if (!(error instanceof MethodError)) this.#options.failed(name, error);
    throw error;
  }

  #refuse(id: JSONRPCID): void {
    this.#answer(createJSONRPCErrorResponse(id, JSONRPCErrorCode.InvalidRequest, 'not a JSON-RPC request'));
  }

  #answer(response: { id: JSONRPCID }): void {
    if (this.#ended) return;
    try {
      this.#send(response);
    } catch (error) {
      if (!(error instanceof FrameTooLarge)) throw error;
      this.#options.failed('answer', error);
      this.#send(
        createJSONRPCErrorResponse(response.id, refusedCode, error.message, { code: 'frame-too-large' }),
      );
    }
  }

  #send(payload: unknown): void {
    const bytes = Buffer.from(JSON.stringify(payload));
    if (bytes.length > this.#options.maxFrameBytes) {
      throw new FrameTooLarge(`a frame of ${bytes.length} bytes; at most ${this.#options.maxFrameBytes} fit`);
    }
    this.#options.send(bytes);
  }
}

function isUsableId(id: unknown): id is string | number | undefined {
  return id === undefined || typeof id === 'string' || (typeof id === 'number' && Number.isFinite(id));
}

function withoutLocalCode(response: JSONRPCResponse): JSONRPCResponse {
  if (response.error === undefined) return response;
  const { code } = (response.error ?? {}) as { code?: unknown };
  if (Number.isSafeInteger(code) && code !== localCodes.unsent && code !== localCodes.timeout)
    return response;
  return createJSONRPCErrorResponse(
    response.id,
    JSONRPCErrorCode.InternalError,
    'the peer sent an error without a code',
  );
}

/** The peer decides what is sent: not even a conversion to text is safe. */
function textOf(message: unknown): string {
  return typeof message === 'string' ? message.slice(0, 2000) : 'the peer sent an error without a message';
}

function stableCode(error: { code: number; data?: unknown }): string {
  const code = (error.data as { code?: unknown } | null | undefined)?.code;
  if (error.code === refusedCode && typeof code === 'string') return code;
  return standardCodes[error.code] ?? 'internal';
}

function errorResponse(id: JSONRPCID, error: unknown): JSONRPCErrorResponse {
  if (!(error instanceof MethodError)) {
    return createJSONRPCErrorResponse(id, JSONRPCErrorCode.InternalError, 'internal error');
  }
  return error.code === 'invalid-params'
    ? createJSONRPCErrorResponse(id, JSONRPCErrorCode.InvalidParams, error.message)
    : createJSONRPCErrorResponse(id, refusedCode, error.message, { code: error.code });
}
