import { reasonCodes } from '@pogo/core';
import {
  decodeLogBatch,
  decodeOutputFrame,
  encodeLogBatch,
  encodeOutputFrame,
  jobRequestSchema,
  outputFrameHeaderBytes,
} from '@pogo/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const request = {
  version: 1,
  namespace: 'default',
  targets: 'web[1-3]',
  command: { kind: 'argv', argv: ['echo', '', ' a b ', '$x;\n'] },
  user: 'ada',
  port: 22,
  auth: { methods: ['publickey'] },
  hostKeys: { policy: 'strict', known: [{ hosts: 'web1', keys: ['ssh-ed25519 AAAA'] }] },
  timeouts: { connectMs: 1000, handshakeMs: 1000, commandMs: 1000 },
  environment: { POGO_STAGE: 'blue' },
  limits: { concurrent: '25%', maxFailures: null, jobTimeoutMs: 1000 },
};

describe('a job request', () => {
  it('is taken when it is well formed', () => {
    expect(jobRequestSchema.safeParse(request).success).toBe(true);
  });

  it.each([
    ['an unknown member', { ...request, concurrency: 3 }],
    ['another version', { ...request, version: 2 }],
    ['a NUL byte in an argument', { ...request, command: { kind: 'argv', argv: ['a\0b'] } }],
    ['no argument at all', { ...request, command: { kind: 'argv', argv: [] } }],
    ['an account that could be an option', { ...request, user: '-oProxyCommand=x' }],
    ['a method that is named twice', { ...request, auth: { methods: ['password', 'password'] } }],
    ['no method', { ...request, auth: { methods: [] } }],
    ['a variable name with a sign in it', { ...request, environment: { 'POGO_A=B': 'c' } }],
    ['a variable that is not its own to set', { ...request, environment: { PATH: '/tmp' } }],
    ['host keys that are switched off', { ...request, hostKeys: { policy: 'off', known: [] } }],
    ['a negative time limit', { ...request, timeouts: { ...request.timeouts, commandMs: -1 } }],
  ])('is refused with %s', (_what, document) => {
    expect(jobRequestSchema.safeParse(document).success).toBe(false);
  });
});

describe('an output frame', () => {
  it('comes back as it was sent, for any field values', () => {
    fc.assert(
      fc.property(
        fc.record({
          subscription: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          kind: fc.constantFrom('stdout', 'stderr', 'end', 'gap'),
          host: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          attempt: fc.integer({ min: 0, max: 65535 }),
          offset: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
          position: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
          data: fc.uint8Array(),
        }),
        (frame) => {
          const decoded = decodeOutputFrame(encodeOutputFrame(frame))!;
          expect({ ...decoded, data: Uint8Array.from(decoded.data) }).toEqual(frame);
        },
      ),
    );
  });

  it('is told from what is none, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeOutputFrame(bytes);
        if (bytes.length < outputFrameHeaderBytes || bytes[4]! > 3) expect(decoded).toBeUndefined();
        else expect(decoded!.data.length).toBe(bytes.length - outputFrameHeaderBytes);
      }),
    );
  });
});

describe('a log batch', () => {
  it('reads what version 1 wrote (golden sample)', () => {
    const stored =
      '{"version":1,"atMs":5,"entries":[{"type":"leadership-taken","dispatcher":"d1"},' +
      '{"type":"hosts-assigned","job":1,"hosts":[[0,9],12],"worker":"w1"},' +
      '{"type":"host-finished","job":1,"host":3,"attempt":1,"outcome":{"state":"failed","reason":"exit-nonzero","exitCode":2}}]}';
    const batch = decodeLogBatch(Buffer.from(stored));
    expect(batch.entries).toHaveLength(3);
    expect(Buffer.from(encodeLogBatch(batch)).toString()).toBe(stored);
  });

  it('keeps every reason code readable', () => {
    const entries = reasonCodes.map((reason, host) => ({
      type: 'host-finished' as const,
      job: 1,
      host,
      attempt: 1,
      outcome: { state: 'failed' as const, reason },
    }));
    expect(decodeLogBatch(encodeLogBatch({ atMs: 1, entries })).entries).toEqual(entries);
  });

  it('throws on bytes that are no batch', () => {
    expect(() => decodeLogBatch(Buffer.from('{"version":2}'))).toThrow();
    expect(() => decodeLogBatch(Buffer.from('garbage'))).toThrow();
  });
});
