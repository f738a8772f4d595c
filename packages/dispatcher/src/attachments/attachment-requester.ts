/** Asks another dispatcher for an attachment, over the listener of links, under both dispatchers' certificates. */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { dispatcherAttachmentPath } from '@pogo/protocol';
import type { Clock } from '@pogo/lifecycle';
import type { LinkTls } from '@pogo/wire';
import { identityProblem } from '../peers/identity-problem.js';
import type { Upload } from './attachment-store.js';

export interface AttachmentQuestion {
  /** Of the dispatcher. */
  name: string;
  /** `wss://HOST:PORT` of its listener. */
  address: string;
  sha256: string;
  /** How many bytes of it are here. */
  from: number;
}

export type AttachmentReply =
  | { kind: 'held'; upload: Upload }
  | { kind: 'not-held' }
  /** `cause` is a clause for people. */
  | { kind: 'failed'; cause: string };

/** How long the other one may take to begin its answer, in milliseconds. */
const answerWithinMs = 5000;

export class AttachmentRequester {
  readonly #agent: Agent;
  readonly #clock: Clock;

  constructor({ tls, clock }: { tls: LinkTls; clock: Clock }) {
    this.#clock = clock;
    this.#agent = new Agent({ ...tls, keepAlive: false, minVersion: 'TLSv1.3' });
  }

  /** Never rejects. What it answers with is the caller's to read or destroy. */
  ask({ name, address, sha256, from }: AttachmentQuestion): Promise<AttachmentReply> {
    const { hostname, port } = new URL(address);
    return new Promise((resolve) => {
      const request = httpsRequest({
        agent: this.#agent,
        host: hostname.replace(/^\[|\]$/g, ''),
        port: port === '' ? 443 : Number(port),
        path: `${dispatcherAttachmentPath}${sha256}`,
        ...(from > 0 && { headers: { range: `bytes=${from}-` } }),
        checkServerIdentity: (_host, certificate) => identityProblem(certificate, name),
      });
      const limit = this.#clock.setTimer(answerWithinMs, () =>
        request.destroy(new Error(`no answer within ${answerWithinMs} ms`)),
      );
      request.on('error', (error) => {
        limit.cancel();
        resolve({ kind: 'failed', cause: error.message });
      });
      request.on('response', (message) => {
        limit.cancel();
        resolve(replyOf(message, from));
      });
      request.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function replyOf(message: IncomingMessage, from: number): AttachmentReply {
  const { statusCode, headers } = message;
  if (statusCode === 200) {
    const totalBytes = Number(headers['content-length']);
    return { kind: 'held', upload: { from: 0, totalBytes, body: message } };
  }
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers['content-range'] ?? '');
  if (statusCode === 206 && range !== null && Number(range[1]) === from)
    return { kind: 'held', upload: { from, totalBytes: Number(range[2]), body: message } };
  message.destroy();
  if (statusCode === 404) return { kind: 'not-held' };
  return { kind: 'failed', cause: `it answered ${statusCode}` };
}
