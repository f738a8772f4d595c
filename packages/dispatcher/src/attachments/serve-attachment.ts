/** `GET <path><sha256>` on the listener of links, under a certificate of the role that the path is for; with `Range`, to go on. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { attachmentHashSchema } from '@pogo/protocol';
import type { Logger } from 'pino';
import { parseByteRange } from '../output/byte-range.js';
import type { AttachmentStore } from './attachment-store.js';

export interface ServedAttachments {
  store: AttachmentStore;
  logger: Logger;
  /** What stands before the hash. */
  path: string;
  /** Gets one here that isn't; resolves to whether it is then. Without it what isn't here isn't found. */
  fetch?: (sha256: string) => Promise<boolean>;
}

/** Answers one request that the listener has admitted. Never rejects. */
export async function serveAttachment(
  served: ServedAttachments,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await serve(served, request, response);
  } catch (error) {
    // Most often the other side has gone away; it asks again from where it stands.
    served.logger.warn({ err: error, url: request.url }, 'an attachment was not sent whole');
    response.destroy();
  }
}

async function serve(
  { store, path, fetch }: ServedAttachments,
  { method, url, headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const refuse = (status: number, extra: Record<string, string> = {}) => {
    response.writeHead(status, { 'content-length': '0', ...extra }).end();
  };
  if (url?.startsWith(path) !== true) return refuse(404);
  if (method !== 'GET') return refuse(405, { allow: 'GET' });
  const sha256 = attachmentHashSchema.safeParse(url.slice(path.length));
  if (!sha256.success) return refuse(404);
  let found = await store.read(sha256.data);
  if (found === undefined && (await fetch?.(sha256.data)) === true) found = await store.read(sha256.data);
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
