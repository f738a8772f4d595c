import { randomUUID } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@pogo/lifecycle';
import { clientProfileSchema } from '@pogo/protocol';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runDispatcher, type RunOptions } from '../src/run-dispatcher.js';
import { makeTestInstance, type TestInstance } from './support/instance.js';

let original: TestInstance;
let instance: TestInstance;
beforeAll(async () => {
  original = await makeTestInstance();
});
afterAll(() => original.remove());
beforeEach(() => {
  instance = original.copy();
});
afterEach(() => instance.remove());

function run(changes: Partial<RunOptions> = {}) {
  return runDispatcher({
    configurationFile: instance.layout.dispatcher.config,
    listen: '127.0.0.1:0',
    workerListen: '127.0.0.1:0',
    home: undefined,
    allowRemote: false,
    principal: 'ada',
    clock: systemClock,
    random: () => 0,
    uniqueId: randomUUID,
    logger: pino({ level: 'silent' }),
    fatal: (error) => {
      throw error;
    },
    ...changes,
  });
}

async function refusal(changes: Partial<RunOptions> = {}): Promise<string> {
  const outcome = await run(changes);
  if (outcome.kind === 'running') {
    await outcome.dispatcher.stop();
    return 'it runs';
  }
  return outcome.messages.join('\n');
}

describe('a dispatcher from its configuration file', () => {
  it('serves, and tells the client where', async () => {
    const outcome = await run({ home: instance.layout.home });
    if (outcome.kind === 'refused') throw new Error(outcome.messages.join('\n'));
    const { apiUrl, workersUrl, stop } = outcome.dispatcher;
    expect(apiUrl).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(workersUrl).toMatch(/^wss:\/\/127\.0\.0\.1:\d+$/);
    const profile = clientProfileSchema.parse(
      JSON.parse(readFileSync(instance.layout.client.profile, 'utf8')),
    );
    expect(profile.url).toBe(apiUrl);
    // The store has one owner.
    expect(await refusal()).toContain(instance.layout.dispatcher.store);
    await stop();
    expect(await refusal()).toBe('it runs');
  });

  it('does not listen beyond this machine unless that was asked for by name', async () => {
    for (const listen of ['0.0.0.0:0', '[::]:0', 'example.org:7646', '10.1.2.3:7646']) {
      const message = await refusal({ listen });
      expect(message).toContain(`--listen ${listen}`);
      expect(message).toContain('--allow-remote');
      expect(await refusal({ workerListen: listen })).toContain(`--worker-listen ${listen}`);
    }
    expect(await refusal({ listen: '0.0.0.0:0', allowRemote: true })).toBe('it runs');
    expect(await refusal({ listen: 'nonsense' })).toContain('not HOST:PORT');
  });

  it.each([
    ['its key', (one: TestInstance) => one.layout.dispatcher.linkKey],
    ['its token', (one: TestInstance) => one.layout.client.token],
  ])('does not start when others may read %s', async (_what, pathOf) => {
    chmodSync(pathOf(instance), 0o644);
    expect(await refusal()).toContain(`chmod 600 ${pathOf(instance)}`);
  });

  it('does not start with a token that is easily guessed', async () => {
    writeFileSync(instance.layout.client.token, 'secret\n');
    const message = await refusal();
    expect(message).toContain('no token of at least');
    expect(message).not.toContain('secret');
  });

  it('says which address is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    expect(await refusal({ listen: `127.0.0.1:${port}` })).toContain(`127.0.0.1:${port}: another process`);
    await new Promise((resolve) => other.close(resolve));
  });

  it('names a file that is not there, and the line that is wrong', async () => {
    expect(await refusal({ configurationFile: '/nowhere/d.yaml' })).toContain('/nowhere/d.yaml is missing');
    writeFileSync(instance.layout.dispatcher.config, 'name: d1\nstore: "memory:"\ncolour: blue\n');
    expect(await refusal()).toContain('config.yaml:3:1: colour: unknown key');
  });
});
