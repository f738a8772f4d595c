/** Terms that are taken anew while one dispatcher leads, so that workers may forget (A4), and nothing is refused (A2). */
import { type LogEntry } from '@pogo/core';
import { type PingResponse, pingResponseSchema } from '@pogo/protocol';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TermRenewal } from '../src/leader/term-renewal.js';
import { Cluster, finished, jobRequest, submit } from './support/cluster.js';
import { makeLeader } from './support/leader.js';
import { succeed } from './support/attempt-scripts.js';

const everyMs = 1000;

describe('a term', () => {
  const takings = (entries: readonly LogEntry[]) =>
    entries.filter(({ type }) => type === 'leadership-taken').length;

  it('is taken anew once something was settled, and not again before something more is', async () => {
    const test = makeLeader();
    const { leader, clock } = test;
    const renewal = new TermRenewal({
      ...{ name: 'one', leader, clock, everyMs },
      logger: pino({ level: 'silent' }),
    });
    leader.observe(renewal);
    await leader.start();
    await leader.leading();
    const job = await test.accept();
    const finish = (host: number) =>
      leader.command(() => ({
        entries: [
          {
            ...{ type: 'host-finished', job, host, attempt: 1 },
            outcome: { state: 'succeeded', exitCode: 0 },
          },
        ],
        answer: undefined,
      }));
    /** A round has begun and come to its end. */
    const round = async () => {
      clock.advance(everyMs);
      await leader.command(() => ({ entries: [], answer: undefined }));
      await new Promise((resolve) => setImmediate(resolve));
    };
    await round();
    expect(takings(test.entries), 'nothing was settled').toBe(1);
    await finish(0);
    await round();
    await test.until((entries) => takings(entries) === 2);
    expect(leader.term).toBeGreaterThan(2);
    await round();
    await round();
    expect(takings(test.entries), 'nothing was settled since').toBe(2);
    await finish(1);
    await round();
    await test.until((entries) => takings(entries) === 3);
    await renewal.stop();
    await leader.stop();
  });
});

describe('orders', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.make();
  });
  afterEach(() => cluster.stop());
  afterAll(() => cluster.remove());

  it('go out under the term of their time, none of an earlier after one of a later', async () => {
    const { dispatcher, api, logged } = await cluster.dispatcher({ limits: { renewTermEveryMs: 10 } });
    const worker = await cluster.worker(dispatcher, { script: succeed });
    const term = async () => {
      const ping: PingResponse = pingResponseSchema.parse((await api.call('/v1/ping')).json());
      return ping.dispatcher.term!;
    };
    for (let renewals = 0, last = await term(); renewals < 3;) {
      const { id } = await submit(api, jobRequest('a[1-20]'));
      expect((await finished(api, id)).state).toBe('succeeded');
      const now = await term();
      if (now > last) renewals++;
      last = now;
    }
    const { terms } = worker;
    expect(terms).toEqual([...terms].sort((one, other) => one - other));
    expect(new Set(terms).size).toBeGreaterThan(2);
    expect(logged()).not.toContain('refused an order');
  });
});
