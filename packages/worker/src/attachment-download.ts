/**
 * Fetches one attachment from the dispatchers, over the link's own certificates, into a private file.
 *
 * 1. Memory stays flat: what comes is written and digested, chunk by chunk, before more is read.
 * 2. A cut connection goes on where it stopped, at the next dispatcher. Only tries that bring nothing count.
 * 3. What isn't exactly what was asked for, by length and SHA-256, is never complete.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import { workerAttachmentPath } from '@pogo/protocol';
import type { LinkTls } from '@pogo/wire';

/** Tries in a row that bring nothing (2). */
const mostTries = 6;
const backoff = { firstMs: 250, maxMs: 8_000 } as const;
/** How long a dispatcher may send nothing. */
const silenceLimitMs = 30_000;

export interface DownloadOptions {
  sha256: string;
  bytes: number;
  /** Made anew. */
  path: string;
  /** `wss://HOST:PORT` of every dispatcher. */
  dispatchers: readonly string[];
  /** Whether those of this process's group may read it. */
  forGroup?: boolean | undefined;
  tls: LinkTls;
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
}

export type DownloadOutcome = { kind: 'complete' } | { kind: 'failed'; message: string };

export async function downloadAttachment(options: DownloadOptions): Promise<DownloadOutcome> {
  const { path, dispatchers, clock, random, signal } = options;
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'w', 0o600);
    await file.chmod(options.forGroup === true ? 0o640 : 0o600);
    const download = new Download(file, options);
    let failure = 'no dispatcher is known';
    for (let tries = 0, number = 0; tries < mostTries && dispatchers.length > 0; number++) {
      if (signal.aborted) return { kind: 'failed', message: 'nobody needs it any more' };
      const before = download.received;
      const outcome = await download.from(dispatchers[number % dispatchers.length]!);
      if (outcome.kind === 'complete') return outcome;
      failure = outcome.message;
      tries = download.received > before ? 0 : tries + 1;
      if (tries < mostTries) await delay(clock, backoffDelayMs(backoff, tries, random()), signal);
    }
    return { kind: 'failed', message: `the script could not be fetched: ${failure}` };
  } catch (error) {
    return { kind: 'failed', message: `the script could not be kept: ${(error as Error).message}` };
  } finally {
    await file?.close().catch(() => undefined);
  }
}

class Download {
  readonly #file: FileHandle;
  readonly #options: DownloadOptions;
  #hash = createHash('sha256');
  /** Bytes that are in the file, and digested. */
  received = 0;

  constructor(file: FileHandle, options: DownloadOptions) {
    this.#file = file;
    this.#options = options;
  }

  /** One try. @throws what the file system throws. */
  async from(dispatcher: string): Promise<DownloadOutcome> {
    const answer = await this.#ask(dispatcher);
    if (answer instanceof Error) return { kind: 'failed', message: `${dispatcher}: ${answer.message}` };
    const { statusCode } = answer.response;
    const failed = (what: string): DownloadOutcome => {
      answer.response.destroy();
      return { kind: 'failed', message: `${dispatcher} ${what}` };
    };
    try {
      if (statusCode === 404) return failed('does not have it');
      if (statusCode !== 200 && statusCode !== 206) return failed(`answered ${statusCode}`);
      const from = Number(/^bytes (\d+)-/.exec(answer.response.headers['content-range'] ?? '')?.[1] ?? 0);
      if (statusCode === 200) this.#restart();
      else if (from !== this.received) return failed(`sent bytes from ${from}, not from ${this.received}`);
      const cut = await this.#take(answer.response, answer.heard);
      if (cut !== undefined) return failed(cut);
    } finally {
      answer.over();
    }
    if (this.received < this.#options.bytes) return failed(`sent only ${this.received} bytes`);
    if (this.#hash.copy().digest('hex') === this.#options.sha256) return { kind: 'complete' };
    this.#restart();
    return failed('sent other bytes than the job was planned with');
  }

  #restart(): void {
    this.#hash = createHash('sha256');
    this.received = 0;
  }

  /** (1). Returns why it ended early, if it did. */
  async #take(response: IncomingMessage, heard: () => void): Promise<string | undefined> {
    const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    for (;;) {
      let next: IteratorResult<Buffer>;
      try {
        next = await chunks.next();
      } catch (error) {
        return `broke off: ${(error as Error).message}`;
      }
      if (next.done === true) return undefined;
      heard();
      const chunk = next.value;
      if (this.received + chunk.length > this.#options.bytes) {
        this.#restart();
        return 'sent more bytes than the job was planned with';
      }
      for (let written = 0; written < chunk.length;) {
        const position = this.received + written;
        written += (await this.#file.write(chunk, written, chunk.length - written, position)).bytesWritten;
      }
      this.#hash.update(chunk);
      this.received += chunk.length;
    }
  }

  /** `heard` puts the limit of silence off, `over` ends it. */
  #ask(
    dispatcher: string,
  ): Promise<{ response: IncomingMessage; heard: () => void; over: () => void } | Error> {
    const { tls, sha256, clock, signal } = this.#options;
    const { hostname, port } = new URL(dispatcher);
    return new Promise((resolve) => {
      const asked = request({
        ...tls,
        host: hostname.replace(/^\[|\]$/g, ''),
        port: Number(port === '' ? 443 : port),
        path: `${workerAttachmentPath}${sha256}`,
        headers: this.received > 0 ? { range: `bytes=${this.received}-` } : {},
        agent: false,
        minVersion: 'TLSv1.3',
        rejectUnauthorized: true,
        // Identity is the key under the pinned root, as on the link itself: host names are not compared.
        checkServerIdentity: (_host, { subject }) =>
          subject.OU === 'dispatcher' ? undefined : new Error('the certificate is not one of a dispatcher'),
        signal,
      });
      const silent = () => asked.destroy(new Error(`nothing came for ${silenceLimitMs / 1000} s`));
      let timer = clock.setTimer(silenceLimitMs, silent);
      const over = () => timer.cancel();
      const heard = () => {
        timer.cancel();
        timer = clock.setTimer(silenceLimitMs, silent);
      };
      asked.on('error', (error) => {
        over();
        resolve(error);
      });
      asked.on('response', (response) => resolve({ response, heard, over }));
      asked.end();
    });
  }
}
