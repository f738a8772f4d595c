import assert from 'node:assert/strict';
import type { Batch, Log, LogEntry, ReadOutcome } from '../log.js';

/** A batch whose body names its writer and id. */
export function batchOf(writer: string, id: string, body = `${writer}/${id}`): Batch {
  return { writer, id, body: bytesOf(body) };
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Appends `count` batches of `writer` from index `first` on; each must succeed. */
export async function fill(log: Log, writer: string, first: number, count: number): Promise<void> {
  for (let index = first; index < first + count; index += 1) {
    assert.deepEqual(await log.append(index, batchOf(writer, `${index}`)), { kind: 'ok' });
  }
}

/** The entries of an outcome that must be entries. */
export function entriesOf(outcome: ReadOutcome): LogEntry[] {
  assert.equal(outcome.kind, 'entries');
  return outcome.kind === 'entries' ? outcome.entries : [];
}

/** Who stands at which index: `0:writer/id`. */
export function namesOf(entries: readonly LogEntry[]): string[] {
  return entries.map(({ index, batch }) => `${index}:${batch.writer}/${batch.id}`);
}
