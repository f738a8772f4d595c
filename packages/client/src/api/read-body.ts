import type { IncomingMessage } from 'node:http';

/** Answers are documents of bounded size; streams are read by the piece. */
const maxDocumentBytes = 256 * 1024 * 1024;

/** The whole body; undefined when the connection broke or the body is too large. */
export async function readBody(message: IncomingMessage): Promise<Buffer | undefined> {
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
