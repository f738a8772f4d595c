import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openStore } from '@pogo/store';
import { describe, it } from 'vitest';
import { crc32c, maskCrc32c } from '../src/drivers/embedded/crc32c.js';
import { damagedTableAt } from '../src/drivers/embedded/table-blocks.js';
import { inNewDirectory } from './directories.js';

/** Tables as LevelDB writes them, with compressed blocks and plain ones. */
async function someTables(directory: string): Promise<Uint8Array[]> {
  for (let index = 0; index < 2; index += 1) {
    const store = await openStore(`embedded:${directory}`);
    const body =
      index === 0 ? new Uint8Array(3_000) : Uint8Array.from({ length: 1_500 }, (_, at) => (at * at) >>> 3);
    for (const next of [0, 1]) {
      const batch = { writer: 'w', id: `${next}`, body };
      assert.equal((await store.log(`log-${index}`).append(next, batch)).kind, 'ok');
    }
    await store.close();
  }
  await (await openStore(`embedded:${directory}`)).close();
  const level = join(directory, 'level');
  const names = (await readdir(level)).filter((name) => name.endsWith('.ldb'));
  return Promise.all(names.map((name) => readFile(join(level, name))));
}

function trailed(content: Uint8Array): Buffer {
  const typed = Buffer.concat([content, Buffer.of(0)]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(maskCrc32c(crc32c(typed)));
  return Buffer.concat([typed, sum]);
}

describe('the check of a table', () => {
  it('takes what LevelDB has written, and notices every single bit that has changed', () =>
    inNewDirectory(async (directory) => {
      const tables = await someTables(directory);
      assert.ok(tables.length >= 2);
      for (const table of tables) {
        assert.equal(damagedTableAt(table), undefined);
        for (let at = 0; at < table.byteLength; at += 1) {
          const bit = 1 << (at % 8);
          table[at] = table[at]! ^ bit;
          assert.notEqual(damagedTableAt(table), undefined, `byte ${at} of ${table.byteLength}`);
          table[at] = table[at]! ^ bit;
        }
        for (let length = 0; length < table.byteLength; length += 1)
          assert.notEqual(damagedTableAt(table.subarray(0, length)), undefined, `cut at ${length}`);
      }
    }));

  it('is not misled by a block that has a fitting sum in its middle', () => {
    const first = Buffer.concat([trailed(Buffer.from('looks like a block')), Buffer.from('and goes on')]);
    const parts = [first, Buffer.from('metaindex'), Buffer.from('index')].map(trailed);
    const footer = Buffer.alloc(48);
    const [metaindexAt, indexAt] = [parts[0]!.byteLength, parts[0]!.byteLength + parts[1]!.byteLength];
    Buffer.of(metaindexAt, 9, indexAt, 5).copy(footer);
    Buffer.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb).copy(footer, 40);
    const table = Buffer.concat([...parts, footer]);
    assert.equal(damagedTableAt(table), undefined);
    table[25] = table[25]! ^ 1;
    assert.notEqual(damagedTableAt(table), undefined);
  });
});
