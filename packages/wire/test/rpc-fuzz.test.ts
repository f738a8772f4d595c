/** JSON-RPC frames and pipe frames against damaged bytes, without sockets in between. */
import { Duplex } from 'node:stream';
import { ManualClock } from '@pogo/lifecycle';
import { decodeOutputFrame, encodeOutputFrame, reportParamsSchema } from '@pogo/protocol';
import {
  type FuzzAnswer,
  fuzz,
  type Json,
  mutateBytes,
  mutateJson,
  mutateText,
  type SeededRandom,
} from '@pogo/testkit';
import { type CallOutcome, method, MethodError, PipeFrames } from '@pogo/wire';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { RpcSession } from '../src/rpc-session.js';

const cases = 100_000;
/** A busy machine takes several times as long as an idle one. */
const timeLimitMs = 300_000;
const seed = 3_070_004;

/** A session between nothing and nothing: what it is told, and what it says. */
class Conversation {
  readonly said: unknown[] = [];
  readonly bugs: string[] = [];
  readonly session = new RpcSession({
    clock: new ManualClock(),
    maxFrameBytes: 1 << 20,
    methods: {
      echo: method(z.unknown(), (value) => value),
      'worker.report': method(reportParamsSchema, ({ reports }) => reports.length),
      refuse: method(z.int(), (number) => {
        throw new MethodError('too-old', `speaks protocol ${number}`);
      }),
      later: method(z.string(), (text) => Promise.resolve(text.length)),
    },
    send: (text) => {
      this.said.push(JSON.parse(Buffer.from(text).toString('utf8')));
      return true;
    },
    failed: (name) => void this.bugs.push(name),
  });
}

/** Long enough for what is a promise or two away. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const report = {
  reports: [
    { job: 1, host: 0, attempt: 1, event: 'started' },
    { job: 1, host: 1, attempt: 2, event: 'refused', reason: 'never begun' },
  ],
  passwordRefused: [1],
};
const frames: readonly Json[] = [
  { jsonrpc: '2.0', id: 1, method: 'echo', params: { a: [1, 'two', null] } },
  { jsonrpc: '2.0', id: 'text', method: 'later', params: 'text' },
  { jsonrpc: '2.0', method: 'echo', params: [] },
  { jsonrpc: '2.0', id: 7, method: 'worker.report', params: report },
  { jsonrpc: '2.0', id: 8, method: 'refuse', params: 3 },
  { jsonrpc: '2.0', id: 1, result: 'pong' },
  { jsonrpc: '2.0', id: 1, error: { code: -32000, message: 'no', data: { code: 'too-old' } } },
  { jsonrpc: '2.0', id: 1, error: { code: 0, message: '' } },
];
const tokens: readonly Json[] = [
  ...['2.0', '1.0', 'echo', 'refuse', 'later', 'toString', 'rpc.discover', -32700, -32600, -32000, -1, 0, 1],
  ...frames,
];

function frame(random: SeededRandom): string {
  if (!random.once(3)) return JSON.stringify(mutateJson(random, { corpus: frames, tokens, changes: 3 }));
  const corpus = frames.map((value) => JSON.stringify(value));
  return mutateText(random, {
    corpus,
    tokens: [
      '{',
      '}',
      '[',
      ']',
      '"jsonrpc":"2.0"',
      '"id":',
      '"id":null',
      '"method":',
      '"error":',
      '\\ud800',
      'null',
    ],
  });
}

const answerSchema = z.union([
  z.strictObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.number(), z.null()]),
    result: z.unknown(),
  }),
  z.strictObject({
    jsonrpc: z.literal('2.0'),
    id: z.union([z.string(), z.number(), z.null()]),
    error: z.looseObject({ code: z.int(), message: z.string() }),
  }),
]);

/** At most one answer, a whole one, to the frame's own id; none to what looks like an answer. */
function faultOfAnswers(text: string, said: readonly unknown[]): string | undefined {
  if (said.length > 1) return `${said.length} answers`;
  const [answer] = said;
  if (answer === undefined) return undefined;
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) return `not an answer: ${JSON.stringify(answer)}`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return parsed.data.id === null ? undefined : 'an id for what is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return parsed.data.id === null ? undefined : 'an id for what has none';
  if ('result' in value || 'error' in value) return 'an answer to an answer';
  const { id } = value as { id?: unknown };
  if (parsed.data.id !== null && parsed.data.id !== id) return 'the id of another request';
  return undefined;
}

function isResult(said: readonly unknown[]): boolean {
  return said.some((answer) => typeof answer === 'object' && answer !== null && 'result' in answer);
}

test(
  `${cases} damaged JSON-RPC frames get at most one whole answer, and nothing throws`,
  async () => {
    // One for all: no frame may keep the next one from its answer.
    const conversation = new Conversation();
    const check = async (text: string): Promise<FuzzAnswer> => {
      conversation.said.length = 0;
      conversation.session.receive(text);
      await settled();
      if (conversation.bugs.length > 0) return { fault: `a handler threw: ${conversation.bugs.join()}` };
      const fault = faultOfAnswers(text, conversation.said);
      if (fault !== undefined) return { fault };
      return isResult(conversation.said) ? 'accepted' : 'rejected';
    };
    for (const [at, value] of frames.entries()) {
      const expected = [0, 1, 3].includes(at) ? 'accepted' : 'rejected';
      expect(await check(JSON.stringify(value)), `frame ${at}`).toBe(expected);
    }
    const run = await fuzz({
      name: 'JSON-RPC frames',
      cases,
      seed,
      generate: frame,
      check,
      show: (text) => text,
    });
    console.log(run.text);
    expect(run.accepted).toBeGreaterThan(cases / 20);
    expect(run.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test(
  'a call under 20,000 damaged answers ends with an outcome of its kind, and none is left behind',
  async () => {
    const kinds = new Set<string>();
    const check = async (text: string): Promise<FuzzAnswer> => {
      const { session, said } = new Conversation();
      const called: Promise<CallOutcome<string>> = session.call('ping', null, z.string(), {
        timeoutMs: 1000,
      });
      session.receive(text);
      await settled();
      session.receive('{"jsonrpc":"2.0","id":1,"result":"at last"}');
      session.end();
      const outcome = await called;
      kinds.add(outcome.kind);
      if (outcome.kind === 'closed' || outcome.kind === 'timeout')
        return { fault: `ended as ${outcome.kind}` };
      if (said.length > 2) return { fault: 'more than its own question and one answer went out' };
      return outcome.kind === 'ok' && outcome.value === 'at last' ? 'rejected' : 'accepted';
    };
    const generate = (random: SeededRandom) =>
      JSON.stringify(mutateJson(random, { corpus: frames.slice(-3), tokens, changes: 2 }));
    const run = await fuzz({
      name: 'JSON-RPC answers',
      cases: 20_000,
      seed,
      generate,
      check,
      show: (text) => text,
    });
    console.log(run.text);
    expect(kinds).toEqual(new Set(['ok', 'error', 'invalid']));
  },
  timeLimitMs,
);

test('the fuzz notices a session that answers twice', async () => {
  const check = async (text: string): Promise<FuzzAnswer> => {
    const { session, said } = new Conversation();
    session.receive(text);
    if (text.includes('"later"')) session.receive(text);
    await settled();
    const fault = faultOfAnswers(text, said);
    return fault === undefined ? 'rejected' : { fault };
  };
  await expect(fuzz({ name: 'planted', cases, seed, generate: frame, check })).rejects.toThrow(
    /case \d+ of seed 3070004: 2 answers/,
  );
});

/** A pipe whose other end is the test. */
class OneEnd extends Duplex {
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

const maxFrameBytes = 4096;

interface Delivery {
  frames: string[];
  /** Whether the pipe ended with an error. */
  failed: boolean;
}

/** What a reader without a buffer of its own makes of the whole: frames up to the first one that is bad. */
function expectedOf(bytes: Buffer): Delivery {
  const found: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 5) return { frames: found, failed: true };
    const length = bytes.readUInt32BE(at);
    const kind = bytes[at + 4]!;
    if (length > maxFrameBytes || bytes.length - at - 5 < length) return { frames: found, failed: true };
    const payload = bytes.subarray(at + 5, at + 5 + length);
    const shown = shownFrame(kind, payload);
    if (shown === undefined) return { frames: found, failed: true };
    found.push(shown);
    at += 5 + length;
  }
  return { frames: found, failed: false };
}

function shownFrame(kind: number, payload: Buffer): string | undefined {
  if (kind === 1) {
    const output = decodeOutputFrame(payload);
    return output && `output ${output.kind} ${Buffer.from(output.data).toString('hex')}`;
  }
  if (kind !== 0) return undefined;
  try {
    return `json ${JSON.stringify(JSON.parse(payload.toString('utf8')))}`;
  } catch {
    return undefined;
  }
}

async function deliver(chunks: readonly Buffer[]): Promise<Delivery & { closed: number }> {
  const pipe = new OneEnd();
  const found: string[] = [];
  let closed = 0;
  let failed = false;
  await new Promise<void>((resolve) => {
    const reader = new PipeFrames(
      pipe,
      {
        json: (value) => found.push(`json ${JSON.stringify(value)}`),
        output: ({ kind, data }) => found.push(`output ${kind} ${Buffer.from(data).toString('hex')}`),
        closed: (error) => {
          closed += 1;
          failed = error !== undefined;
          resolve();
        },
      },
      { maxFrameBytes },
    );
    for (const chunk of chunks) pipe.push(chunk);
    pipe.push(null);
    reader.end();
  });
  return { frames: found, failed, closed };
}

function framed(kind: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt8(kind, 4);
  return Buffer.concat([header, payload]);
}

const output = encodeOutputFrame({
  ...{ subscription: 1, kind: 'stdout', host: 2, attempt: 1, offset: 2 ** 33, position: 2 ** 40 },
  data: Buffer.from('hello\n'),
});
const messages = [
  ...[{ type: 'run', attempts: [{ host: 0, attempt: 1 }] }, [], 'text', null].map((value) =>
    framed(0, Buffer.from(JSON.stringify(value))),
  ),
  framed(1, output),
  framed(1, output.subarray(0, 23)),
];
const streams = [
  ...messages,
  Buffer.concat(messages),
  Buffer.concat([messages[0]!, messages[4]!, messages[4]!, messages[1]!]),
];

interface Stream {
  bytes: Buffer;
  chunks: Buffer[];
}

function stream(random: SeededRandom): Stream {
  const bytes = mutateBytes(random, { corpus: streams, tokens: messages, changes: 2 });
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = random.once(3) ? bytes.length : random.between(1, 40);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { bytes, chunks };
}

const showStream = ({ bytes }: Stream) => bytes.toString('hex');

test(
  `${cases} damaged streams of pipe frames deliver what is whole before the damage, however they are cut`,
  async () => {
    const check = async ({ bytes, chunks }: Stream): Promise<FuzzAnswer> => {
      const expected = expectedOf(bytes);
      const { frames: found, failed, closed } = await deliver(chunks);
      if (closed !== 1) return { fault: `closed ${closed} times` };
      if (failed !== expected.failed)
        return { fault: failed ? 'a good stream failed' : 'a bad stream was taken' };
      if (found.join('\n') !== expected.frames.join('\n'))
        return { fault: `delivered ${JSON.stringify(found)}` };
      return failed ? 'rejected' : 'accepted';
    };
    for (const bytes of streams) expect(await check({ bytes, chunks: [bytes] })).toBe('accepted');
    const run = await fuzz({ name: 'pipe frames', cases, seed, generate: stream, check, show: showStream });
    console.log(run.text);
    expect(run.accepted).toBeGreaterThan(cases / 20);
    expect(run.rejected).toBeGreaterThan(cases / 10);
  },
  timeLimitMs,
);

test('the fuzz notices a pipe that loses the frame before a bad one', async () => {
  const check = async ({ bytes, chunks }: Stream): Promise<FuzzAnswer> => {
    const expected = expectedOf(bytes);
    const { frames: found, failed } = await deliver(chunks);
    const planted = failed ? found.slice(0, -1) : found;
    return planted.join('\n') === expected.frames.join('\n') ? 'accepted' : { fault: 'lost' };
  };
  await expect(
    fuzz({ name: 'planted', cases, seed, generate: stream, check, show: showStream }),
  ).rejects.toThrow(/case \d+ of seed 3070004: lost/);
});
