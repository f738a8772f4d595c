/**
 * The last good answer of each inventory program, kept for the hour in which it fails. Readable by nobody else: files of
 * mode 0600 in the client's own directory. A cache that can't be written or read is no cache, and no failure.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';

export interface KeptAnswer {
  /** When it was given, wall clock, in milliseconds since 1970. */
  readonly atMs: number;
  /** What the program printed. */
  readonly text: string;
}

const keptSchema = z.object({ format: z.literal(1), atMs: z.number(), text: z.string() });

export class AnswerCache {
  readonly #path: string;
  readonly #uniqueId: () => string;

  /** @param options.call program, arguments and directory: what makes it the same program as before. */
  constructor(options: {
    directory: string;
    call: { readonly argv: readonly string[]; readonly directory: string };
    uniqueId: () => string;
  }) {
    const { argv, directory } = options.call;
    const name = createHash('sha256')
      .update(JSON.stringify([directory, ...argv]))
      .digest('hex');
    this.#path = join(options.directory, `${name}.json`);
    this.#uniqueId = options.uniqueId;
  }

  async read(): Promise<KeptAnswer | undefined> {
    try {
      const kept = keptSchema.safeParse(JSON.parse(await readFile(this.#path, 'utf8')));
      return kept.success ? kept.data : undefined;
    } catch {
      return undefined;
    }
  }

  async write(answer: KeptAnswer): Promise<void> {
    const own = `${this.#path}.${this.#uniqueId()}`;
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      await writeFile(own, JSON.stringify({ format: 1, ...answer }), { mode: 0o600, flag: 'wx' });
      await rename(own, this.#path);
    } catch {
      await rm(own, { force: true }).catch(() => undefined);
    }
  }
}
