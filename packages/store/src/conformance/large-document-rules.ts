import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type fastCheck from 'fast-check';
import { maxDocumentBytes } from '../documents.js';
import { deleteLarge, getLarge, putLarge } from '../large-documents.js';
import type { OnNewStore, TestFramework } from './conformance.js';

/** Chunked documents (L6). */
export function describeLargeDocuments(
  { describe, it }: TestFramework,
  onNewStore: OnNewStore,
  property: typeof fastCheck,
): void {
  describe('large documents', () => {
    it(
      'come back byte for byte, whatever their size, and leave nothing when deleted',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        let runs = 0;
        const size = property.oneof(
          property.nat({ max: 3 }),
          property.constantFrom(-2, -1, 0, 1, 2).map((offset) => maxDocumentBytes + offset),
          property.constantFrom(-3, -2, -1, 0).map((offset) => 2 * maxDocumentBytes + offset),
          property.nat({ max: 12 * maxDocumentBytes }),
        );
        await property.assert(
          property.asyncProperty(size, property.nat({ max: 255 }), async (sizeBytes, seed) => {
            const value = sampleOf(sizeBytes, seed);
            runs += 1;
            const reference = await putLarge(documents, {
              folder: 'jobs/1/',
              value,
              uniqueName: `run-${runs}`,
            });
            assert.equal(reference.digest, createHash('sha256').update(value).digest('hex'));
            const found = await getLarge(documents, reference);
            assert.ok(found !== undefined && Buffer.compare(found, value) === 0);
            await deleteLarge(documents, reference);
            assert.equal(await getLarge(documents, reference), undefined);
            assert.deepEqual(await documents.list(''), []);
          }),
          { numRuns: 15 },
        );
      }),
    );

    it(
      'of the same content are kept once, also when two writers are at it together',
      onNewStore(async (openHandle) => {
        const [one, other] = await Promise.all([openHandle(), openHandle()]);
        const value = sampleOf(3 * maxDocumentBytes, 1);
        const [reference] = await Promise.all([
          putLarge(one.documents, { folder: 'specs/', value, uniqueName: 'one' }),
          putLarge(other.documents, { folder: 'specs/', value, uniqueName: 'other' }),
        ]);
        await putLarge(one.documents, { folder: 'specs/', value, uniqueName: 'later' });
        assert.equal(
          (await one.documents.list('specs/')).length,
          1 + Math.ceil(value.byteLength / (maxDocumentBytes - 1)),
        );
        const found = await getLarge(other.documents, reference);
        assert.ok(found !== undefined && Buffer.compare(found, value) === 0);
      }),
    );

    it(
      'are not found before their last part is written, and found damaged are refused',
      onNewStore(async (openHandle) => {
        const { documents } = await openHandle();
        const value = sampleOf(2 * maxDocumentBytes, 2);
        const reference = await putLarge(documents, { folder: '', value, uniqueName: 'u' });
        const [manifest] = (await documents.list('')).filter(({ key }) => !key.includes('/'));
        const chunks = await documents.list('chunks/');
        assert.ok(manifest !== undefined && chunks.length === 3);
        const manifestValue = (await documents.get(manifest.key))!.value;

        await documents.delete(manifest.key, 'any');
        assert.equal(await getLarge(documents, reference), undefined);

        await documents.put(manifest.key, manifestValue, null);
        await documents.put(chunks[0]!.key, sampleOf(maxDocumentBytes - 1, 9), 'any');
        await assert.rejects(getLarge(documents, reference), { name: 'StoreError', code: 'store-corrupt' });
        await documents.delete(chunks[0]!.key, 'any');
        await assert.rejects(getLarge(documents, reference), { name: 'StoreError', code: 'store-corrupt' });
      }),
    );
  });
}

/** Bytes that repeat in no chunk-sized period. */
function sampleOf(sizeBytes: number, seed: number): Uint8Array {
  const value = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 1) value[at] = (at * 31 + (at >>> 8) * 17 + seed) & 0xff;
  return value;
}
