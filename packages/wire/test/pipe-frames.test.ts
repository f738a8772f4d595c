import { once } from 'node:events';
import { duplexPair } from './duplex-pair.js';
import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { encodeOutputFrame, type OutputFrame } from '@pogo/protocol';
import { PipeFrames } from '@pogo/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';

type Delivered = { json: unknown } | { output: OutputFrame };

interface End {
  frames: PipeFrames;
  delivered: Delivered[];
  closed: Promise<Error | undefined>;
}

function endOf(stream: Duplex, maxFrameBytes?: number): End {
  const delivered: Delivered[] = [];
  let frames!: PipeFrames;
  const closed = new Promise<Error | undefined>((resolve) => {
    frames = new PipeFrames(
      stream,
      {
        json: (json) => delivered.push({ json }),
        output: (output) => delivered.push({ output: { ...output, data: Uint8Array.from(output.data) } }),
        closed: resolve,
      },
      maxFrameBytes === undefined ? {} : { maxFrameBytes },
    );
  });
  return { frames, delivered, closed };
}

const outputFrame: fc.Arbitrary<OutputFrame> = fc.record({
  subscription: fc.nat(),
  kind: fc.constantFrom('stdout' as const, 'stderr' as const, 'gap' as const, 'end' as const),
  host: fc.nat(),
  attempt: fc.nat({ max: 65_535 }),
  offset: fc.nat(),
  position: fc.maxSafeNat().map((n) => n % 2 ** 48),
  data: fc.uint8Array({ maxLength: 300 }),
});
const message = fc.oneof(
  fc.jsonValue().map((json) => ({ json: JSON.parse(JSON.stringify(json)) as unknown })),
  outputFrame.map((output) => ({ output })),
);

/** The bytes that carry these messages. */
async function encode(messages: readonly Delivered[]): Promise<Buffer> {
  const [near, far] = duplexPair();
  const frames = new PipeFrames(near, { json() {}, output() {}, closed() {} });
  for (const item of messages) {
    if ('json' in item) frames.sendJson(item.json);
    else frames.sendOutput(item.output);
  }
  frames.end();
  const chunks: Buffer[] = [];
  for await (const chunk of far) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('what is sent arrives once, whole and in order, however the pipe cuts it, pauses included', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      fc.nat({ max: 3 }),
      async (messages, sizes, pauseEach) => {
        const [near, far] = duplexPair();
        const { frames, delivered, closed } = endOf(near);
        let count = 0;
        for (const chunk of cut(await encode(messages), sizes)) {
          far.write(chunk);
          if (pauseEach > 0 && ++count % (pauseEach * 10) === 0) {
            frames.pause();
            await new Promise((resolve) => setImmediate(resolve));
            const before = delivered.length;
            await new Promise((resolve) => setImmediate(resolve));
            expect(delivered.length).toBe(before);
            frames.resume();
          }
        }
        far.end();
        frames.end();
        expect(await closed).toBeUndefined();
        expect(delivered).toEqual(messages);
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);

test('10,000 runs of garbage end the pipe or are ignored, and nothing throws', async () => {
  const prefix = (length: number, kind: number, body: Uint8Array) => {
    const header = Buffer.alloc(5);
    header.writeUInt32BE(length, 0);
    header.writeUInt8(kind, 4);
    return Buffer.concat([header, body]);
  };
  const framed = fc
    .tuple(fc.nat({ max: 400 }), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 400 }), fc.boolean())
    .map(([length, kind, body, honest]) => prefix(honest ? body.length : length, kind, body));
  let ended = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof(framed, fc.uint8Array({ maxLength: 400 })), async (bytes) => {
      const [near, far] = duplexPair();
      const { frames, closed } = endOf(near, 350);
      far.end(Buffer.from(bytes));
      far.resume();
      frames.end();
      if ((await closed) !== undefined) ended++;
    }),
    { numRuns: 10_000 },
  );
  expect(ended).toBeGreaterThan(5000);
}, 120_000);

test.each([
  ['too long', Buffer.from([0, 0, 2, 0, 0]), 'a frame of 512 bytes came; at most 100 are taken'],
  ['of an unknown kind', Buffer.from([0, 0, 0, 0, 9]), 'unknown kind 9'],
  ['that is not JSON', Buffer.from([0, 0, 0, 1, 0, 0x7b]), 'not JSON'],
  ['with a malformed output frame', Buffer.from([0, 0, 0, 1, 1, 0]), 'malformed output frame'],
  ['cut short', Buffer.from([0, 0, 0, 9, 0, 0x7b]), 'ended within a frame'],
])('a frame %s ends the pipe with an error that says so', async (_what, bytes, text) => {
  const [near, far] = duplexPair();
  const { frames, closed } = endOf(near, 100);
  far.end(bytes);
  far.resume();
  frames.end();
  expect((await closed)?.message).toContain(text);
});

test('a frame too large to send is refused before it is sent', () => {
  const [near] = duplexPair();
  const { frames } = endOf(near, 100);
  expect(() => frames.sendJson('x'.repeat(100))).toThrow(RangeError);
});

test('a slow reader makes the sender wait: through a real pipe, memory holds what the limit says', async () => {
  // The other side reads nothing until it is told to on stdin.
  const child = spawn('sh', ['-c', 'read -r go; wc -c <&3'], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  const pipe = child.stdio[3] as Duplex;
  const { frames, closed } = endOf(pipe);
  const data = new Uint8Array(64 * 1024);
  const frame = {
    subscription: 0,
    kind: 'stdout',
    host: 1,
    attempt: 1,
    offset: 0,
    position: 0,
    data,
  } as const;
  let sent = 0;
  while (frames.sendOutput(frame)) sent++;
  sent++;
  expect(pipe.writableLength).toBeLessThan(1024 * 1024);
  const drained = frames.drained();
  child.stdin!.end('go\n');
  await drained;
  frames.sendOutput(frame);
  frames.end();
  const [count] = (await once(child.stdout!, 'data')) as [Buffer];
  expect(Number(count.toString())).toBe((sent + 1) * (5 + encodeOutputFrame(frame).length));
  await closed;
});
