import { ManualClock } from '@pogo/lifecycle';
import { Secret } from '@pogo/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { Dispatcher } from '../src/api/dispatcher.js';
import { followEvents } from '../src/run/follow-job.js';
import { newInstance } from './support/certificates.js';
import { ScriptedDispatcher, type SentRequest } from './support/scripted-dispatcher.js';

const token = 'pogo_test-token-with-enough-characters';
const instance = newInstance();
const event = { id: '7.0', atMs: 1, type: 'job-state', state: 'running', counts: {} };
const last = { id: '7.1', atMs: 2, type: 'job-state', state: 'succeeded', counts: {} };
let scripted: ScriptedDispatcher | undefined;
let client: Dispatcher | undefined;
afterEach(async () => {
  client?.close();
  await scripted?.stop();
});

describe('a followed connection that has gone quiet', () => {
  it('is replaced after a while, going on behind the last event, without anything being said', async () => {
    const isSecond = (request: SentRequest) => request.headers['last-event-id'] === '7.0';
    scripted = new ScriptedDispatcher({
      instance,
      token,
      intercept: (request, response) => {
        response.writeHead(200);
        if (isSecond(request)) response.end(`${JSON.stringify(last)}\n`);
        else response.write(`${JSON.stringify(event)}\n`);
        return true;
      },
    });
    const url = await scripted.start();
    const profile = { version: 1 as const, url, linkRoot: instance.linkRoot.certificate, sealingRoot: '' };
    const clock = new ManualClock();
    client = new Dispatcher({ profile, token: new Secret(token) }, { clock, random: () => 0 });
    const contacts: boolean[] = [];
    const seen: string[] = [];
    let firstSeen: () => void = () => undefined;
    const first = new Promise<void>((resolve) => (firstSeen = resolve));
    const following = followEvents(
      {
        dispatcher: client,
        job: 'p0000000012',
        clock,
        random: () => 0,
        signal: new AbortController().signal,
        onContact: (contact) => contacts.push(contact),
      },
      ({ id }) => {
        seen.push(id);
        firstSeen();
      },
    );
    await first;
    for (let step = 0; step < 5; step++) clock.advance(5000);
    expect(scripted.requests).toHaveLength(1);
    clock.advance(5000);
    await scripted.seen(isSecond);
    expect(await following).toEqual({ ok: true, value: 'end' });
    expect(seen).toEqual(['7.0', '7.1']);
    expect(contacts).toEqual([true, true]);
    expect(clock.pendingTimers).toBe(0);
  });
});
