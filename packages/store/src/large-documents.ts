/**
 * Values of any size over any Documents driver, referred to by the SHA-256 digest of their bytes (L6).
 *
 * 1. Chunks are written first, the manifest last: a digest that is found is whole.
 * 2. Chunk names are unique per writing, so that what one writer leaves or deletes never belongs to another's manifest.
 * 3. What is read is checked against its digest.
 * 4. A deletion takes the manifest first, then the chunks.
 *
 * The manifest of digest D is the document `FOLDER D`; its chunks are `FOLDER chunks/D/UNIQUE/N`. Nothing counts references:
 * put what is deleted together into one folder, for example one per job.
 */
import { createHash } from 'node:crypto';
import { type Documents, maxDocumentBytes } from './documents.js';
import { StoreError } from './store-error.js';

/** Manifest: the bytes themselves when they fit, or how many chunks there are, and under which unique name. */
const wholeTag = 0;
const chunkedTag = 1;
const chunkBytes = maxDocumentBytes - 1;
/** Chunks in flight at once; about 4 MB. */
const windowChunks = 8;

export interface PutLargeRequest {
  /** A document prefix, `''` or ending in `/`. */
  folder: string;
  value: Uint8Array;
  /** Never used before by any writer, such as a random UUID; one segment of a key. */
  uniqueName: string;
}

/** Where to find a large document again. */
export interface LargeReference {
  folder: string;
  /** 64 hexadecimal digits. */
  digest: string;
}

/** Writes `value`, unless it is there already. Repeating it after an error is safe, with a new unique name. */
export async function putLarge(documents: Documents, request: PutLargeRequest): Promise<LargeReference> {
  const { folder, value, uniqueName } = request;
  const reference = { folder, digest: digestOf(value) };
  if ((await documents.get(manifestKey(reference))) !== undefined) return reference;

  if (value.byteLength <= chunkBytes) {
    await putNew(documents, manifestKey(reference), tagged(wholeTag, value), 'manifest');
    return reference;
  }
  const count = Math.ceil(value.byteLength / chunkBytes);
  await inWindows(count, async (at) => {
    const chunk = value.subarray(at * chunkBytes, (at + 1) * chunkBytes);
    await putNew(documents, chunkKey(reference, uniqueName, at), chunk, 'chunk');
  });
  const manifest = new TextEncoder().encode(`${count} ${uniqueName}`);
  if (await putNew(documents, manifestKey(reference), tagged(chunkedTag, manifest), 'manifest'))
    return reference;
  // Another writer has finished the same value meanwhile: its chunks serve, ours don't.
  await deleteChunks(documents, reference, { count, uniqueName });
  return reference;
}

/** The bytes, or undefined when there is no such document. Rejects with `store-corrupt` when they don't match the digest. */
export async function getLarge(
  documents: Documents,
  reference: LargeReference,
): Promise<Uint8Array | undefined> {
  const found = await documents.get(manifestKey(reference));
  if (found === undefined) return undefined;
  const content = await contentOf(documents, reference, found.value);
  if (content !== undefined && digestOf(content) === reference.digest) return content;
  // Someone may be deleting it at this moment.
  const again = await documents.get(manifestKey(reference));
  if (again?.version !== found.version) return getLarge(documents, reference);
  throw new StoreError(
    'store-corrupt',
    `the document ${manifestKey(reference)} is incomplete or altered: restore the store from a backup`,
  );
}

/** Deletes it, if it is there. */
export async function deleteLarge(documents: Documents, reference: LargeReference): Promise<void> {
  const found = await documents.get(manifestKey(reference));
  if (found === undefined) return;
  const chunks = chunksOf(found.value);
  const outcome = await documents.delete(manifestKey(reference), found.version);
  if (outcome.kind === 'ok' && chunks !== undefined) await deleteChunks(documents, reference, chunks);
}

interface Chunks {
  count: number;
  uniqueName: string;
}

function chunksOf(manifest: Uint8Array): Chunks | undefined {
  if (manifest[0] !== chunkedTag) return undefined;
  const [count = '', uniqueName = ''] = new TextDecoder().decode(manifest.subarray(1)).split(' ');
  return { count: Number(count), uniqueName };
}

async function contentOf(
  documents: Documents,
  reference: LargeReference,
  manifest: Uint8Array,
): Promise<Uint8Array | undefined> {
  const chunks = chunksOf(manifest);
  if (chunks === undefined) return manifest.subarray(1);
  const content = new Uint8Array(chunks.count * chunkBytes);
  let lengthBytes = 0;
  let complete = true;
  await inWindows(chunks.count, async (at) => {
    const chunk = await documents.get(chunkKey(reference, chunks.uniqueName, at));
    if (chunk === undefined) {
      complete = false;
      return;
    }
    content.set(chunk.value, at * chunkBytes);
    lengthBytes += chunk.value.byteLength;
  });
  return complete ? content.subarray(0, lengthBytes) : undefined;
}

async function deleteChunks(documents: Documents, reference: LargeReference, chunks: Chunks): Promise<void> {
  await inWindows(chunks.count, async (at) => {
    await documents.delete(chunkKey(reference, chunks.uniqueName, at), 'any');
  });
}

/** Whether it was written; false when the document was there already, which only a manifest may be. */
async function putNew(
  documents: Documents,
  key: string,
  value: Uint8Array,
  part: 'chunk' | 'manifest',
): Promise<boolean> {
  const outcome = await documents.put(key, value, null);
  if (outcome.kind === 'ok') return true;
  if (outcome.kind === 'conflict' && part === 'manifest') return false;
  throw new RangeError(`the name of chunk ${key} was used before`);
}

/** Calls `step` for 0 … count-1, several at once so that a driver can merge them. */
async function inWindows(count: number, step: (at: number) => Promise<void>): Promise<void> {
  for (let first = 0; first < count; first += windowChunks) {
    const width = Math.min(windowChunks, count - first);
    await Promise.all(Array.from({ length: width }, (_, offset) => step(first + offset)));
  }
}

function manifestKey({ folder, digest }: LargeReference): string {
  return `${folder}${digest}`;
}

function chunkKey({ folder, digest }: LargeReference, uniqueName: string, at: number): string {
  return `${folder}chunks/${digest}/${uniqueName}/${at}`;
}

function tagged(tag: number, bytes: Uint8Array): Uint8Array {
  const value = new Uint8Array(bytes.byteLength + 1);
  value[0] = tag;
  value.set(bytes, 1);
  return value;
}

function digestOf(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex');
}
