import { createSecureContext } from 'node:tls';
import { queryObjects } from 'node:v8';
import { systemClock } from '@pogo/lifecycle';
import { Secret } from '@pogo/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { Dispatcher } from '../src/api/dispatcher.js';
import { newInstance } from './support/certificates.js';
import { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const token = 'pogo_test-token-with-enough-characters';
const instance = newInstance();
let scripted: ScriptedDispatcher | undefined;
let client: Dispatcher | undefined;
afterEach(async () => {
  client?.close();
  await scripted?.stop();
});

describe('the connections to a dispatcher', () => {
  it('have one copy of what they trust, however many are open', async () => {
    let open = 0;
    scripted = new ScriptedDispatcher({
      instance,
      token,
      intercept: (_request, response) => {
        open++;
        response.writeHead(200).write('\n');
        return true;
      },
    });
    const url = await scripted.start();
    const profile = { version: 1 as const, url, linkRoot: instance.linkRoot.certificate, sealingRoot: '' };
    client = new Dispatcher({ profile, token: new Secret(token) }, { clock: systemClock, random: () => 0 });
    const example = createSecureContext();
    const kept = () => queryObjects(example.constructor, { format: 'count' });
    const before = kept();
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 5 }, () => client!.stream('/v1/jobs', { headers: {}, signal })));
    expect(open).toBe(5);
    expect(kept() - before).toBe(1);
  });
});
