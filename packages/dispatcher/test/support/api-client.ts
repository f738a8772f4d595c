import { Agent, request } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** The body as JSON. */
  json: () => never;
}

export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Sent as it is. */
  raw?: string | Buffer;
  signal?: AbortSignal;
}

/** Talks to the API as a client does: HTTPS, pinned root, bearer token. */
export class ApiClient {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #agent: Agent;

  constructor(options: { url: string; token: string | undefined; linkRoot: string }) {
    this.#url = options.url;
    this.#token = options.token;
    this.#agent = new Agent({ ca: options.linkRoot, keepAlive: true });
  }

  /** The response's head; the body is for the caller. */
  open(path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const payload = options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.#url}${path}`,
        {
          method: options.method ?? (payload === undefined ? 'GET' : 'POST'),
          agent: this.#agent,
          headers: {
            ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
            ...(payload !== undefined && { 'content-type': 'application/json' }),
            ...options.headers,
          },
          ...(options.signal && { signal: options.signal }),
        },
        resolve,
      );
      sent.on('error', reject);
      sent.end(payload);
    });
  }

  async call(path: string, options: RequestOptions = {}): Promise<Reply> {
    const response = await this.open(path, options);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    return {
      status: response.statusCode!,
      headers: response.headers,
      body,
      json: () => JSON.parse(body.toString('utf8')) as never,
    };
  }

  /** Lines of a streamed answer, as they come. */
  async *lines(path: string, options: RequestOptions = {}): AsyncGenerator<string> {
    const response = await this.open(path, options);
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    try {
      yield* createInterface({ input: response });
    } finally {
      response.destroy();
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
