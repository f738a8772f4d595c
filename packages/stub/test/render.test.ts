/** What `renderStub` refuses, and that it says why. */
import { describe, expect, it } from 'vitest';
import {
  type StubOptions,
  encodeHeartbeat,
  encodeKill,
  encodeTerminate,
  heartbeatIntervalMs,
  renderStub,
} from '@pogo/stub';

const usual: StubOptions = {
  nonce: '0123456789abcdef',
  command: { kind: 'argv', argv: ['true'] },
  environment: { POGO_HOST: 'web1' },
  timeoutMs: 600_000,
};

describe('renderStub', () => {
  it.each<[string, Partial<StubOptions>, string, RegExp]>([
    ['a short nonce', { nonce: 'abc' }, 'nonce-invalid', /nonce/],
    ['a nonce that a shell would read', { nonce: '0123456789abcde$' }, 'nonce-invalid', /nonce/],
    ['no words', { command: { kind: 'argv', argv: [] } }, 'argv-empty', /program/],
    ['NUL in a word', { command: { kind: 'argv', argv: ['echo', 'a\0b'] } }, 'nul-in-command', /Word 2/],
    ['NUL in bytes', { command: { kind: 'argv', argv: [Uint8Array.of(0)] } }, 'nul-in-command', /Word 1/],
    [
      'NUL in a shell string',
      { command: { kind: 'shell', script: 'a\0' } },
      'nul-in-command',
      /shell string/,
    ],
    [
      'a name that is no name',
      { environment: { 'POGO_X;id': '1' } },
      'environment-name-invalid',
      /POGO_X;id/,
    ],
    ['a name of somebody else', { environment: { PATH: '/tmp' } }, 'environment-name-invalid', /PATH/],
    ['NUL in a value', { environment: { POGO_X: '\0' } }, 'nul-in-environment', /POGO_X/],
    ['no time', { timeoutMs: 0 }, 'duration-invalid', /timeout is 0 ms/],
    ['half a millisecond', { timeoutMs: 0.5 }, 'duration-invalid', /timeout/],
    ['more than 24 days', { timeoutMs: 2 ** 31 }, 'duration-invalid', /timeout/],
    ['a negative grace', { killGraceMs: -1 }, 'duration-invalid', /kill grace/],
    ['no silence', { silenceMs: 2 }, 'duration-invalid', /silence/],
    ['not a number', { silenceMs: Number.NaN }, 'duration-invalid', /silence/],
  ])('refuses %s', (_, options, code, message) => {
    expect(renderStub({ ...usual, ...options })).toEqual({
      ok: false,
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('the command line holds no secret and no argument: it shows in process lists', () => {
    const rendered = renderStub(usual);
    expect(rendered).toMatchObject({ ok: true, execLine: 'exec /bin/sh -s' });
  });
});

it('control lines are single short lines, and heartbeats are due well within the silence limit', () => {
  for (const line of [encodeHeartbeat(), encodeTerminate(), encodeKill()]) {
    expect(Buffer.from(line).toString()).toMatch(/^[a-z]\n$/);
  }
  expect(heartbeatIntervalMs(30_000)).toBe(10_000);
  expect(heartbeatIntervalMs(3)).toBe(1);
});
