/** `pogo ping`: every dispatcher, the store and the workers. */
import type { PingResponse } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { json, problem } from './support/answers.js';
import { useClient } from './support/client.js';

const client = useClient();

/** One that says so, or that it can't just now the first so many times. */
function pinged(dispatcher: PingResponse['dispatcher'], unable = 0) {
  let left = unable;
  return client.dispatcherWith({
    intercept: ({ path }, response) => {
      if (path !== '/v1/ping') return false;
      if (left-- > 0) problem(response, 503, 'store-unavailable', 'Nobody leads yet.');
      else
        json(response, 200, {
          dispatcher,
          store: { kind: 'zookeeper', roundTripMs: 1.25 },
          workers: [],
        } satisfies PingResponse);
      return true;
    },
  });
}

const leading = { name: 'one', version: '0.1.0', term: 7, leads: ['default', 'east'], leader: 'one' };
const following = { name: 'two', version: '0.2.0', term: 7, leads: [], leader: 'one' };

const listed = (dispatchers: readonly { url: string }[]) => ({
  env: { POGO_DISPATCHERS: dispatchers.map(({ url }) => url).join(', ') },
});

describe('pogo ping', () => {
  it('shows who leads and who follows, also those that do not answer', async () => {
    const [gone, two, one] = [await client.dispatcherWith(), await pinged(following), await pinged(leading)];
    gone.refuse();
    const { code, stdout, stderr } = await client.pogo.run(['ping'], listed([gone, two, one]));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.toString().split('\n').slice(1)).toEqual([
      expect.stringMatching(/^dispatcher +- +no answer, https:\/\/\S+ \(dispatcher-unreachable\)$/),
      expect.stringMatching(/^dispatcher +two +0\.2\.0 +[\d.]+ ms, term 7, follows one, https:\/\/\S+$/),
      expect.stringMatching(
        /^dispatcher +one +0\.1\.0 +[\d.]+ ms, term 7, leads default east, https:\/\/\S+$/,
      ),
      expect.stringMatching(/^store +zookeeper +1\.3 ms$/),
      expect.stringMatching(/^worker +none +jobs wait until one connects$/),
      '',
    ]);
  });

  it('has all of them in its document, and store and workers as the first that answers sees them', async () => {
    const [gone, two, one] = [await client.dispatcherWith(), await pinged(following), await pinged(leading)];
    gone.refuse();
    const { code, stdout } = await client.pogo.run(['ping', '--json'], listed([gone, two, one]));
    expect([code, JSON.parse(stdout.toString())]).toEqual([
      0,
      expect.objectContaining({
        url: two.url,
        dispatcher: following,
        store: { kind: 'zookeeper', roundTripMs: 1.25 },
        dispatchers: [
          { url: gone.url, problem: expect.objectContaining({ code: 'dispatcher-unreachable' }) as object },
          { url: two.url, roundTripMs: expect.any(Number) as number, ...following },
          { url: one.url, roundTripMs: expect.any(Number) as number, ...leading },
        ],
      }),
    ]);
  });

  it('asks again while each of several says that it can not just now', async () => {
    const dispatchers = [await pinged(following, 2), await pinged(leading, 1)];
    const { code, stdout } = await client.pogo.run(['ping'], listed(dispatchers));
    expect(code).toBe(0);
    expect(stdout.toString()).toContain('leads default east');
  });
});
