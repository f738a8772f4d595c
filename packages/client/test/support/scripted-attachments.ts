/** Attachments of a scripted dispatcher: kept in memory, resumable, and broken off where a test says so. */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { json, problem } from './answers.js';

export class ScriptedAttachments {
  /** What was uploaded, whole or in part, by SHA-256. */
  readonly contents = new Map<string, Buffer>();
  readonly #breakAfter: ((upload: number) => number | undefined) | undefined;
  #uploads = 0;

  constructor(breakAfter: ((upload: number) => number | undefined) | undefined) {
    this.#breakAfter = breakAfter;
  }

  head(path: string, response: ServerResponse): void {
    const content = this.contents.get(path.split('/').at(-1)!);
    response.writeHead(content === undefined ? 404 : 200, { 'content-length': String(content?.length ?? 0) });
    response.end();
  }

  async put(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const sha256 = message.url!.split('/').at(-1)!;
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(message.headers['content-range'] ?? '')!;
    const [from, last, total] = range.slice(1).map(Number) as [number, number, number];
    const before = this.contents.get(sha256) ?? Buffer.alloc(0);
    if (from !== before.length) return problem(response, 416, 'range-not-satisfiable', 'not from there');
    const breakAfter = this.#breakAfter?.(++this.#uploads) ?? Infinity;
    const pieces: Buffer[] = [before];
    let received = 0;
    try {
      for await (const chunk of message) {
        pieces.push(chunk as Buffer);
        received += (chunk as Buffer).length;
        if (received >= breakAfter) message.destroy();
      }
    } catch {
      // It broke off, whoever did it: what came stays.
    }
    const content = Buffer.concat(pieces);
    this.contents.set(sha256, content);
    if (message.destroyed && !message.complete) return;
    const whole = content.length === total && content.length === last + 1;
    const digest = createHash('sha256').update(content).digest('hex');
    if (whole && digest !== sha256) return problem(response, 422, 'attachment-mismatch', 'another hash');
    json(response, 200, { sha256, bytes: content.length, complete: whole });
  }
}
