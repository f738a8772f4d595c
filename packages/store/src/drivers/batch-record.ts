/** How a batch lies in a value: the lengths of writer and id, these two, then the body. Numbers are big-endian. */
import type { Batch } from '../log.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeBatch({ writer, id, body }: Batch): Uint8Array {
  const writerName = encoder.encode(writer);
  const idName = encoder.encode(id);
  const payload = new Uint8Array(4 + writerName.byteLength + idName.byteLength + body.byteLength);
  const view = new DataView(payload.buffer);
  view.setUint16(0, writerName.byteLength);
  view.setUint16(2, idName.byteLength);
  payload.set(writerName, 4);
  payload.set(idName, 4 + writerName.byteLength);
  payload.set(body, 4 + writerName.byteLength + idName.byteLength);
  return payload;
}

export function decodeBatch(payload: Uint8Array): Batch {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const idAt = 4 + view.getUint16(0);
  const bodyAt = idAt + view.getUint16(2);
  return {
    writer: decoder.decode(payload.subarray(4, idAt)),
    id: decoder.decode(payload.subarray(idAt, bodyAt)),
    body: payload.subarray(bodyAt),
  };
}
