/**
 * What pruning takes out of the log, kept as documents as long as a job of it may be asked about: reports are recounted from
 * the log, and a snapshot of what came out of it proves nothing.
 *
 * 1. A segment holds the batches from a floor of the log to the next one, and what counted when it begins.
 * 2. It is whole before the log is pruned: what can't be kept isn't pruned.
 * 3. Of two writers of one segment the one that reaches further wins, whoever comes first.
 */
import { gunzipSync, gzipSync } from 'node:zlib';
import { type CountsBefore, type FoldedBatch, nothingBefore } from '@pogo/core';
import { decodeLogBatch } from '@pogo/protocol';
import { deleteLarge, type Documents, getLarge, type Log, putLarge, StoreError } from '@pogo/store';
import * as z from 'zod';

const folder = 'history/';
const partsFolder = (from: number) => `history-parts/${keyOf(from)}/`;
const keyOf = (index: number) => String(index).padStart(15, '0');

const manifestSchema = z.object({
  version: z.literal(1),
  from: z.int(),
  /** The first index behind it. */
  to: z.int(),
  /** Digest of what counted when it begins. */
  counts: z.string(),
  /** Digests of its batches, in order. */
  parts: z.array(z.string()),
});
type Manifest = z.infer<typeof manifestSchema>;

/** Batches from `from` on, up to `to`. */
export interface HistorySegment {
  readonly from: number;
  readonly to: number;
  readonly counts: string;
  readonly parts: readonly string[];
}

const batchesPerRead = 1000;

export class HistorySegments {
  readonly #documents: Documents;
  readonly #uniqueId: () => string;

  constructor(options: { documents: Documents; uniqueId: () => string }) {
    this.#documents = options.documents;
    this.#uniqueId = options.uniqueId;
  }

  /**
   * Keeps the batches of the log from its floor on, up to `to`. False where that can't be done just now: they were pruned,
   * and whoever did that has kept them; or the log, read elsewhere than it was written, doesn't show them yet.
   */
  async keep(
    log: Log,
    { from, to, counts }: { from: number; to: number; counts: CountsBefore },
  ): Promise<boolean> {
    if (((await this.#manifest(from))?.manifest.to ?? -1) >= to) return true;
    const parts: string[] = [];
    for (let next = from; next < to;) {
      const outcome = await log.read(next, Math.min(batchesPerRead, to - next));
      if (outcome.kind === 'pruned' || outcome.entries.length === 0) return false;
      // A batch is a line: JSON has no other line breaks.
      const lines = outcome.entries.map(({ batch }) => Buffer.from(batch.body).toString('utf8'));
      parts.push(await this.#put(from, lines.join('\n')));
      next = outcome.entries.at(-1)!.index + 1;
    }
    const manifest: Manifest = {
      version: 1,
      from,
      to,
      counts: await this.#put(from, JSON.stringify(counts)),
      parts,
    };
    await this.#win(manifest);
    return true;
  }

  /** In order. */
  async list(): Promise<HistorySegment[]> {
    const found: HistorySegment[] = [];
    for (const { key } of await this.#documents.list(folder)) {
      const segment = await this.#manifest(Number(key.slice(folder.length)));
      if (segment !== undefined) found.push(segment.manifest);
    }
    return found;
  }

  /** What counted when the segment begins. */
  async counts({ from, counts }: HistorySegment): Promise<CountsBefore> {
    if (from === 0) return nothingBefore;
    return JSON.parse(await this.#get(from, counts)) as CountsBefore;
  }

  /** Its batches, some at a time. */
  async *batches({ from, parts }: HistorySegment): AsyncGenerator<FoldedBatch[]> {
    let index = from;
    for (const part of parts) {
      const lines = (await this.#get(from, part)).split('\n');
      yield lines.map((line) => ({ index: index++, ...decodeLogBatch(Buffer.from(line)) }));
    }
  }

  /** Deletes the segments that end before an index. */
  async deleteBefore(index: number): Promise<void> {
    for (const segment of await this.list()) {
      if (segment.to > index) return;
      await this.#documents.delete(`${folder}${keyOf(segment.from)}`, 'any');
      for (const digest of digestsOf(segment))
        await deleteLarge(this.#documents, { folder: partsFolder(segment.from), digest });
    }
  }

  async #win(manifest: Manifest): Promise<void> {
    for (;;) {
      const present = await this.#manifest(manifest.from);
      const isBetter = present === undefined || present.manifest.to < manifest.to;
      if (isBetter) {
        const value = Buffer.from(JSON.stringify(manifest));
        const key = `${folder}${keyOf(manifest.from)}`;
        const put = await this.#documents.put(key, value, present?.version ?? null);
        if (put.kind === 'conflict') continue;
      }
      if (present === undefined) return;
      const [kept, lost] = isBetter ? [manifest, present.manifest] : [present.manifest, manifest];
      const needed = new Set(digestsOf(kept));
      for (const digest of digestsOf(lost)) {
        if (!needed.has(digest))
          await deleteLarge(this.#documents, { folder: partsFolder(manifest.from), digest });
      }
      return;
    }
  }

  async #manifest(from: number): Promise<{ manifest: Manifest; version: number } | undefined> {
    const found = await this.#documents.get(`${folder}${keyOf(from)}`);
    if (found === undefined) return undefined;
    const manifest = manifestSchema.parse(JSON.parse(Buffer.from(found.value).toString('utf8')));
    return { manifest, version: found.version };
  }

  async #put(from: number, text: string): Promise<string> {
    // Level 1: entries are much alike, and whoever writes them has other things to do.
    const value = gzipSync(text, { level: 1 });
    const { digest } = await putLarge(this.#documents, {
      folder: partsFolder(from),
      value,
      uniqueName: this.#uniqueId(),
    });
    return digest;
  }

  async #get(from: number, digest: string): Promise<string> {
    const value = await getLarge(this.#documents, { folder: partsFolder(from), digest });
    if (value === undefined) {
      throw new StoreError(
        'store-corrupt',
        `a part of the history from ${from} on is missing: restore the store from a backup`,
      );
    }
    return gunzipSync(value).toString('utf8');
  }
}

function digestsOf({ counts, parts }: HistorySegment): string[] {
  return [counts, ...parts];
}
