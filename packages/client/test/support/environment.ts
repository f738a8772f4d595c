import { Readable, Writable } from 'node:stream';
import { ManualClock } from '@pogo/lifecycle';
import type { Environment } from '../../src/environment.js';

/** An environment without a process: nothing of it reaches a terminal. */
export function testEnvironment(given: Partial<Environment> = {}): Environment {
  const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  return {
    arguments: [],
    variables: {},
    stdin: Readable.from([]),
    stdout: sink(),
    stderr: sink(),
    clock: new ManualClock(),
    homeDirectory: '/nonexistent',
    userName: 'me',
    processId: 1,
    node: 'node',
    program: 'pogo',
    onSignal: () => () => undefined,
    processIsAlive: () => false,
    killProcessGroup: () => undefined,
    random: () => 0,
    uniqueId: () => 'unique',
    ...given,
  };
}
