import { describe, expect, it } from 'vitest';
import { provesPassword } from '../src/jobs/resolve-request.js';

describe('a job goes to one worker until a host has accepted its password', () => {
  it.each([
    { methods: ['publickey', 'password'], proves: true },
    { methods: ['keyboard-interactive'], proves: true },
    { methods: ['publickey'], proves: false },
    { methods: ['publickey'], runAs: 'root', proves: true },
  ])('$methods, run as $runAs: $proves', ({ methods, runAs, proves }) => {
    expect(provesPassword({ auth: { methods }, ...(runAs !== undefined && { runAs }) })).toBe(proves);
  });
});
