import { ManualClock } from '@pogo/lifecycle';
import { Secret } from '@pogo/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { Dispatcher } from '../src/api/dispatcher.js';
import { followEvents, followOutput } from '../src/run/follow-job.js';
import { newInstance } from './support/certificates.js';
import { ScriptedDispatcher, type SentRequest } from './support/scripted-dispatcher.js';

const token = 'pogo_test-token-with-enough-characters';
const instance = newInstance();
const event = { id: '7.0', atMs: 1, type: 'job-state', state: 'running', counts: {} };
const last = { id: '7.1', atMs: 2, type: 'job-state', state: 'succeeded', counts: {} };
let scripted: ScriptedDispatcher | undefined;
let other: ScriptedDispatcher | undefined;
let client: Dispatcher | undefined;
afterEach(async () => {
  client?.close();
  await scripted?.stop();
  await other?.stop();
  other = undefined;
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

  it('is given up for output when its dispatcher no longer says that it is well, and another one does', async () => {
    const half = { type: 'output', host: 'web1', attempt: 1, stream: 'stdout', offset: 0, data: 'b25lCg==' };
    const whole = { ...half, data: 'b25lCnR3bwo=' };
    const lines = (...values: object[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
    // Stopped: its connections stand, and it says nothing.
    scripted = new ScriptedDispatcher({
      instance,
      token,
      intercept: ({ path }, response) => {
        if (path.includes('/output')) response.writeHead(200).write(lines(half));
        return true;
      },
    });
    other = new ScriptedDispatcher({
      instance,
      token,
      intercept: ({ path }, response) => {
        if (path.includes('/output')) response.end(lines(whole, { type: 'end' }));
        else response.end('{"status":"ok"}');
        return true;
      },
    });
    const [url, second] = [await scripted.start(), await other.start()];
    const { certificate } = instance.linkRoot;
    const profile = { version: 1 as const, url, others: [second], linkRoot: certificate, sealingRoot: '' };
    const clock = new ManualClock();
    client = new Dispatcher({ profile, token: new Secret(token) }, { clock, random: () => 0 });
    let text = '';
    const following = followOutput(
      {
        dispatcher: client,
        job: 'p0000000012',
        clock,
        random: () => 0,
        signal: new AbortController().signal,
        follow: true,
      },
      {
        output: ({ data }) => {
          text += data.toString();
          return Promise.resolve();
        },
        gap: () => Promise.reject(new Error('nothing is missing')),
      },
    );
    await expect.poll(() => text, { timeout: 20_000 }).toBe('one\n');
    clock.advance(10_000);
    await scripted.seen(({ path }) => path === '/healthz');
    clock.advance(4999);
    expect(other.requests).toEqual([]);
    clock.advance(1);
    // The next try waits a moment.
    const tried = () => {
      clock.advance(100);
      return other!.requests.some(({ path }) => path.includes('/output'));
    };
    await expect.poll(tried, { timeout: 20_000 }).toBe(true);
    expect(await following).toEqual({ ok: true, value: 'end' });
    expect(text).toBe('one\ntwo\n');
    expect(clock.pendingTimers).toBe(0);
  });
});
