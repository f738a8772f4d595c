/**
 * Output on its way, in binary: over the worker link behind a subscription, and on the pipe from rexec. The payload is
 * the command's bytes as they came. All integers are big-endian.
 *
 * | bytes | field                                                                  |
 * |-------|------------------------------------------------------------------------|
 * | 4     | subscription                                                           |
 * | 1     | kind: 0 data on stdout, 1 data on stderr, 2 end of the subscription, 3 gap |
 * | 4     | host index                                                             |
 * | 2     | attempt                                                                |
 * | 6     | offset of the first byte in the host's stream (for a gap: bytes missing) |
 * | 6     | position in the spool behind this frame: where to go on from           |
 */
export const outputFrameHeaderBytes = 23;

export interface OutputFrame {
  subscription: number;
  kind: 'stdout' | 'stderr' | 'end' | 'gap';
  host: number;
  attempt: number;
  offset: number;
  position: number;
  data: Uint8Array;
}

const kinds = ['stdout', 'stderr', 'end', 'gap'] as const;

export function encodeOutputFrame(frame: OutputFrame): Uint8Array {
  const bytes = Buffer.allocUnsafe(outputFrameHeaderBytes + frame.data.length);
  bytes.writeUInt32BE(frame.subscription, 0);
  bytes.writeUInt8(kinds.indexOf(frame.kind), 4);
  bytes.writeUInt32BE(frame.host, 5);
  bytes.writeUInt16BE(frame.attempt, 9);
  bytes.writeUIntBE(frame.offset, 11, 6);
  bytes.writeUIntBE(frame.position, 17, 6);
  bytes.set(frame.data, outputFrameHeaderBytes);
  return bytes;
}

/** Reads a frame; undefined when it isn't one. `data` is a view, not a copy. */
export function decodeOutputFrame(bytes: Uint8Array): OutputFrame | undefined {
  if (bytes.length < outputFrameHeaderBytes) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = kinds[view.readUInt8(4)];
  if (kind === undefined) return undefined;
  return {
    subscription: view.readUInt32BE(0),
    kind,
    host: view.readUInt32BE(5),
    attempt: view.readUInt16BE(9),
    offset: view.readUIntBE(11, 6),
    position: view.readUIntBE(17, 6),
    data: bytes.subarray(outputFrameHeaderBytes),
  };
}
