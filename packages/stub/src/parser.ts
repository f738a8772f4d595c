/**
 * Takes the stub's two streams apart into the command's output and control events.
 *
 * Invariants, cited by the tests:
 * - **F1** How a stream is split into chunks changes nothing but how its data is split into events.
 * - **F2** Only a record separator followed by this run's nonce is a marker; everything else is data, byte for byte.
 * - **F3** `ended` comes once both streams have had their end frame, after all data before either; what follows them is ignored.
 *   A stub that ran nothing says why on stdout alone, and that is its last event.
 * - **F4** What is kept between two chunks is bounded: less than one frame a stream, and the first bytes of the noise.
 * - **F5** Data is passed on as views of the chunk, unless an unfinished marker had to be kept from the chunk before.
 */
import type { EndedEvent, ProtocolErrorEvent, StubEvent } from './events.js';
import { parseFrame } from './frame.js';
import { markerOf, maximumFrameBytes, recordSeparator } from './marker.js';

export interface StubParser {
  /** Feeds what came on stdout. The chunk must not be changed while its events are in use. */
  stdout(chunk: Uint8Array): StubEvent[];
  /** Feeds what came on stderr. */
  stderr(chunk: Uint8Array): StubEvent[];
  /** Both streams have ended; without end frames, that is a `protocol-error`. */
  finish(): StubEvent[];
}

/** Noise kept per stream. */
const keptNoiseBytes = 4096;

/** A stream that goes on for so long before the stub begins never will. */
const maximumNoiseBytes = 1 << 20;

type StreamName = 'stdout' | 'stderr';

interface Stream {
  name: StreamName;
  state: 'noise' | 'data' | 'ended';
  /** An unfinished marker or frame from the end of the last chunk; begins with the record separator. */
  unfinished: Buffer;
  noise: Buffer;
  noiseBytes: number;
}

export function createStubParser(options: { nonce: string }): StubParser {
  const marker = markerOf(options.nonce);
  const streams = { stdout: newStream('stdout'), stderr: newStream('stderr') };
  let ended: EndedEvent | undefined;
  let started = false;
  let settled = false;
  /** The upload's two frames come once, in this order. */
  let nextUpload: 'send' | 'received' | undefined = 'send';
  let over = false;

  function isOpen(stream: Stream): boolean {
    return !over && stream.state !== 'ended';
  }

  function feed(stream: Stream, chunk: Uint8Array): StubEvent[] {
    const events: StubEvent[] = [];
    if (!isOpen(stream)) return events;
    const fresh = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = stream.unfinished.length > 0 ? Buffer.concat([stream.unfinished, fresh]) : fresh;
    stream.unfinished = nothing;
    let position = 0;
    while (isOpen(stream)) {
      const at = bytes.indexOf(marker, position);
      if (at < 0) {
        const keepFrom = startOfUnfinished(bytes, position, marker);
        pass(stream, bytes.subarray(position, keepFrom), events);
        if (!over) stream.unfinished = Buffer.from(bytes.subarray(keepFrom));
        return events;
      }
      pass(stream, bytes.subarray(position, at), events);
      if (over) return events;
      const lineEnd = bytes.subarray(0, at + maximumFrameBytes).indexOf(0x0a, at + marker.length);
      if (lineEnd < 0) {
        if (bytes.length - at >= maximumFrameBytes) {
          fail(events, 'malformed-frame', 'A control frame of the stub is too long.');
        } else {
          stream.unfinished = Buffer.from(bytes.subarray(at));
        }
        return events;
      }
      control(stream, bytes.toString('latin1', at + marker.length, lineEnd), events);
      position = lineEnd + 1;
    }
    return events;
  }

  /** Bytes that are no frame: noise before the begin frame, the command's output after it. */
  function pass(stream: Stream, bytes: Buffer, events: StubEvent[]): void {
    if (bytes.length === 0) return;
    if (stream.state === 'data') {
      events.push({ kind: stream.name, bytes });
      return;
    }
    const kept = bytes.subarray(0, keptNoiseBytes - stream.noise.length);
    if (kept.length > 0) stream.noise = Buffer.concat([stream.noise, kept]);
    stream.noiseBytes += bytes.length;
    if (stream.noiseBytes > maximumNoiseBytes) {
      reportNoise(stream, events);
      fail(
        events,
        'too-much-noise',
        `The account's start files wrote more than ${maximumNoiseBytes} bytes to ${stream.name} before the command could start: make them silent for non-interactive shells.`,
      );
    }
  }

  function reportNoise(stream: Stream, events: StubEvent[]): void {
    if (stream.noiseBytes === 0) return;
    // Past the limit only the limit is sure, whatever the chunk was (F1).
    const total = Math.min(stream.noiseBytes, maximumNoiseBytes);
    events.push({
      kind: 'noise',
      stream: stream.name,
      bytes: stream.noise,
      droppedBytes: total - stream.noise.length,
    });
  }

  function control(stream: Stream, payload: string, events: StubEvent[]): void {
    const frame = parseFrame(payload);
    const onStdout = stream.name === 'stdout';
    const mayPrepare = onStdout && stream.state === 'data' && !started;
    if (frame?.kind === 'begin' && stream.state === 'noise' && (onStdout || !frame.started)) {
      stream.state = 'data';
      reportNoise(stream, events);
      if (onStdout) events.push({ kind: 'ready' });
      if (frame.started) {
        started = true;
        events.push(frame.started);
      }
    } else if (frame?.kind === 'started' && mayPrepare && nextUpload !== 'received') {
      started = true;
      events.push(frame.started);
    } else if (frame?.kind === 'step' && onStdout && stream.state === 'data' && started) {
      events.push(frame.step);
    } else if (frame?.kind === 'settled' && mayPrepare) {
      settled = true;
      events.push(frame.settled);
    } else if (frame?.kind === 'unreadable' && mayPrepare) {
      return;
    } else if (frame?.kind === 'upload' && mayPrepare && frame.upload.kind === nextUpload) {
      nextUpload = nextUpload === 'send' ? 'received' : undefined;
      events.push(frame.upload);
    } else if (frame?.kind === 'kept' && mayPrepare && nextUpload === 'send') {
      nextUpload = undefined;
      events.push(frame.kept);
    } else if (frame?.kind === 'declined' && mayPrepare) {
      over = true;
      events.push(frame.declined);
    } else if (frame?.kind === 'probed' && mayPrepare && settled && nextUpload === 'send') {
      over = true;
    } else if (frame?.kind === 'end' && stream.state === 'data' && onStdout === (frame.ended !== undefined)) {
      stream.state = 'ended';
      ended ??= frame.ended;
      if (ended && streams.stderr.state === 'ended') {
        over = true;
        events.push(ended);
      }
    } else {
      fail(
        events,
        'malformed-frame',
        `The stub sent a control frame that makes no sense on ${stream.name} at this point: ${JSON.stringify(payload)}.`,
      );
    }
  }

  function fail(events: StubEvent[], code: ProtocolErrorEvent['code'], message: string): void {
    over = true;
    events.push({ kind: 'protocol-error', code, message });
  }

  return {
    stdout: (chunk) => feed(streams.stdout, chunk),
    stderr: (chunk) => feed(streams.stderr, chunk),
    finish() {
      const events: StubEvent[] = [];
      if (over) return events;
      for (const stream of Object.values(streams)) {
        if (stream.state === 'ended') continue;
        const { unfinished } = stream;
        stream.unfinished = nothing;
        // Less than a marker is output; a frame that was cut is not.
        if (unfinished.length < marker.length) pass(stream, unfinished, events);
        if (over) return events;
        if (stream.state === 'noise') reportNoise(stream, events);
      }
      if (streams.stdout.state === 'noise') {
        fail(
          events,
          'never-ready',
          "The host closed the channel before the stub began: the account's shell or start files may refuse commands; see what they wrote.",
        );
      } else {
        fail(
          events,
          'cut',
          'The channel ended before the stub had reported the end of the command: what the command did is not known.',
        );
      }
      return events;
    },
  };
}

const nothing = Buffer.alloc(0);

function newStream(name: StreamName): Stream {
  return { name, state: 'noise', unfinished: nothing, noise: nothing, noiseBytes: 0 };
}

/** Where an unfinished marker at the end of `bytes` begins, or their length. It can only begin at the last record separator. */
function startOfUnfinished(bytes: Buffer, position: number, marker: Buffer): number {
  const from = Math.max(position, bytes.length - marker.length + 1);
  const at = bytes.subarray(from).lastIndexOf(recordSeparator);
  if (at < 0) return bytes.length;
  const start = from + at;
  return bytes.subarray(start).equals(marker.subarray(0, bytes.length - start)) ? start : bytes.length;
}
