/** `GET /attachments/<sha256>` on the workers' listener, under their link certificates; with `Range`, to go on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { attachmentHashSchema, workerAttachmentPath } from '@pogo/protocol';
import type { Logger } from 'pino';
import { parseByteRange } from '../output/byte-range.js';
import type { AttachmentStore } from './attachment-store.js';

/** Answers one request of a worker that the listener has admitted. Never rejects. */
export async function serveAttachment(
  { store, logger }: { store: AttachmentStore; logger: Logger },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await serve(store, request, response);
  } catch (error) {
    // Most often the worker has gone away; it asks again from where it stands.
    logger.warn({ err: error, url: request.url }, 'an attachment was not sent whole');
    response.destroy();
  }
}

async function serve(
  store: AttachmentStore,
  { method, url, headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, extra: Record<string, string> = {}) => {
    response.writeHead(status, { 'content-length': '0', ...extra }).end();
  };
  if (url?.startsWith(workerAttachmentPath) !== true) return refuse(404);
  if (method !== 'GET') return refuse(405, { allow: 'GET' });
  const sha256 = attachmentHashSchema.safeParse(url.slice(workerAttachmentPath.length));
  const found = sha256.success ? await store.read(sha256.data) : undefined;
  if (found === undefined) return refuse(404);
  const range = parseByteRange(headers.range, found.bytes);
  if (range.kind === 'unsatisfiable') return refuse(416, { 'content-range': `bytes */${found.bytes}` });
  const first = range.kind === 'range' ? range.first : 0;
  const last = range.kind === 'range' ? range.last : found.bytes - 1;
  response.writeHead(range.kind === 'range' ? 206 : 200, {
    'content-type': 'application/octet-stream',
    'content-length': String(last - first + 1),
    'accept-ranges': 'bytes',
    ...(range.kind === 'range' && { 'content-range': `bytes ${first}-${last}/${found.bytes}` }),
  });
  if (found.bytes === 0) {
    response.end();
    return;
  }
  await pipeline(found.stream(first, last), response);
}
