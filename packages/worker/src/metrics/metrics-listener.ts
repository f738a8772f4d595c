import { createServer, type Server } from 'node:http';
import { type Service, ServiceState } from '@pogo/lifecycle';

export interface MetricsListenerOptions {
  /** An address of this machine's loopback: what is told here is told to everybody on it, without TLS or token. */
  host: string;
  port: number;
  /** The body of a scrape. */
  scrape: () => Promise<string>;
  failed: (error: unknown) => void;
}

/** `GET /metrics`, in Prometheus's text format, for a collector on this machine. */
export class MetricsListener implements Service {
  readonly #options: MetricsListenerOptions;
  readonly #state = new ServiceState();
  readonly #server: Server;

  constructor(options: MetricsListenerOptions) {
    this.#options = options;
    this.#server = createServer({ requestTimeout: 10_000 }, (request, response) => {
      if (request.url !== '/metrics' || request.method !== 'GET') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('only GET /metrics is here\n');
        return;
      }
      options.scrape().then(
        (text) =>
          response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
        (error: unknown) => {
          options.failed(error);
          response.writeHead(500).end();
        },
      );
    });
  }

  /** Rejects with the system's error when it can't listen there. */
  start(): Promise<void> {
    return this.#state.start(
      () =>
        new Promise((resolve, reject) => {
          this.#server.once('error', reject);
          this.#server.listen(this.#options.port, this.#options.host, () => {
            this.#server.removeListener('error', reject);
            resolve();
          });
        }),
    );
  }

  /** The port that it listens on; after `start`. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return address.port;
  }

  stop(): Promise<void> {
    return this.#state.stop(
      () =>
        new Promise((resolve) => {
          this.#server.close(() => resolve());
          this.#server.closeAllConnections();
        }),
    );
  }
}
