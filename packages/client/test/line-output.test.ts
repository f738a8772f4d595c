import { Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { characterBoundary, LineOutput, maxLineBytes } from '../src/render/line-output.js';
import { PlainOutput } from '../src/render/plain-output.js';
import { Writer } from '../src/render/writer.js';

function collector() {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { writer: new Writer(stream), bytes: () => Buffer.concat(chunks), chunks };
}

function lineOutput(terminal = false) {
  const [stdout, stderr] = [collector(), collector()];
  const output = new LineOutput({
    stdout: stdout.writer,
    stderr: stderr.writer,
    terminal: { stdout: terminal, stderr: terminal },
    prefix: (host) => `${host}: `,
  });
  const positions = new Map<string, number>();
  const send = async (host: string, data: Uint8Array, stream: 'stdout' | 'stderr' = 'stdout') => {
    const key = `${host} ${stream}`;
    const offset = positions.get(key) ?? 0;
    positions.set(key, offset + data.length);
    await output.output({ host, attempt: 1, stream, offset, data: Buffer.from(data) });
  };
  return { output, send, stdout, stderr };
}

/** Divides bytes at random places. */
const pieces = (bytes: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(bytes, fc.array(fc.nat(64), { maxLength: 20 })).map(([all, lengths]) => {
    const parts: Uint8Array[] = [];
    let start = 0;
    for (const length of lengths) {
      parts.push(all.subarray(start, start + length));
      start += length;
    }
    parts.push(all.subarray(Math.min(start, all.length)));
    return { all, parts };
  });

const text = fc
  .string({ unit: fc.constantFrom('a', '\n', 'é', '😀', '\r', '\x1b') })
  .map((value) => Buffer.from(value));

describe('output with hosts before its lines', () => {
  it('is the same however the bytes were divided, and has them all', async () => {
    await fc.assert(
      fc.asyncProperty(pieces(text), async ({ all, parts }) => {
        const { output, send, stdout } = lineOutput();
        for (const part of parts) if (part.length > 0) await send('h', part);
        await output.end();
        const lines = Buffer.from(all).toString('utf8').split('\n');
        if (lines.at(-1) === '') lines.pop();
        expect(stdout.bytes().toString('utf8')).toBe(lines.map((line) => `h: ${line}\n`).join(''));
      }),
      { numRuns: 500 },
    );
  });

  it('never mixes the lines of two hosts, nor stdout with stderr', async () => {
    const { output, send, stdout, stderr } = lineOutput();
    await send('a', Buffer.from('one '));
    await send('b', Buffer.from('two\nthree'));
    await send('a', Buffer.from('err'), 'stderr');
    await send('a', Buffer.from('more\n'));
    await output.end();
    expect(stdout.bytes().toString()).toBe('b: two\na: one more\nb: three\n');
    expect(stderr.bytes().toString()).toBe('a: err\n');
  });

  it('cuts a line that is too long between characters, and keeps no more than one such piece', async () => {
    const { output, send, stdout } = lineOutput();
    const long = Buffer.from('é'.repeat(maxLineBytes));
    for (let start = 0; start < long.length; start += 1001)
      await send('h', long.subarray(start, start + 1001));
    const before = stdout.bytes().length;
    expect(before).toBeGreaterThan(long.length - maxLineBytes - 1001);
    await output.end();
    const lines = stdout.bytes().toString('utf8').trimEnd().split('\n');
    expect(lines.every((line) => Buffer.byteLength(line) <= maxLineBytes + 'h: '.length)).toBe(true);
    expect(lines.map((line) => line.slice('h: '.length)).join('')).toBe('é'.repeat(maxLineBytes));
  });

  it('keeps a line of exactly the longest length whole', async () => {
    const { output, send, stdout } = lineOutput();
    await send('h', Buffer.from(`${'x'.repeat(maxLineBytes)}\ny\n`));
    await output.end();
    expect(stdout.bytes().toString()).toBe(`h: ${'x'.repeat(maxLineBytes)}\nh: y\n`);
  });

  it('shows control characters harmlessly on a terminal, and raw on a pipe', async () => {
    const hostile = Buffer.from('\x1b]0;owned\x07 a\tb\r\n50%\r100%\n');
    const [terminal, pipe] = [lineOutput(true), lineOutput(false)];
    await terminal.send('h', hostile);
    await pipe.send('h', hostile);
    expect(terminal.stdout.bytes().toString()).toBe('h: ^[]0;owned^G a\tb\nh: 50%^M100%\n');
    expect(pipe.stdout.bytes().toString()).toBe('h: \x1b]0;owned\x07 a\tb\r\nh: 50%\r100%\n');
  });
});

describe('output of one host', () => {
  it('is the bytes themselves on a pipe, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 })), async (parts) => {
        const [stdout, stderr] = [collector(), collector()];
        const output = new PlainOutput({
          stdout: stdout.writer,
          stderr: stderr.writer,
          terminal: { stdout: false, stderr: false },
        });
        for (const data of parts)
          await output.output({
            host: 'h',
            attempt: 1,
            stream: 'stdout',
            offset: 0,
            data: Buffer.from(data),
          });
        await output.end();
        expect(stdout.bytes()).toEqual(Buffer.concat(parts));
      }),
    );
  });

  it('shows characters whole on a terminal that were cut on the way', async () => {
    const stdout = collector();
    const output = new PlainOutput({
      stdout: stdout.writer,
      stderr: stdout.writer,
      terminal: { stdout: true, stderr: true },
    });
    for (const byte of Buffer.from('é😀\x1b[2J\n')) {
      await output.output({ host: 'h', attempt: 1, stream: 'stdout', offset: 0, data: Buffer.of(byte) });
    }
    await output.end();
    expect(stdout.bytes().toString()).toBe('é😀^[[2J\n');
  });
});

describe('the place to cut UTF-8', () => {
  it('is never inside of a character, and at most three bytes early', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(), (value, at) => {
        const bytes = Buffer.from(value);
        fc.pre(bytes.length >= 4);
        const length = 4 + (at % (bytes.length - 3));
        const cut = characterBoundary(bytes, length);
        expect(length - cut).toBeLessThanOrEqual(3);
        expect(bytes.subarray(0, cut).toString() + bytes.subarray(cut).toString()).toBe(value);
      }),
    );
  });
});
