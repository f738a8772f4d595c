import assert from 'node:assert/strict';
import type { OnNewStore, TestFramework } from './conformance.js';
import { batchOf } from './samples.js';

/** Leases; what makes leading safe is the log, which the last test shows (L4). */
export function describeLeadership({ describe, it }: TestFramework, onNewStore: OnNewStore): void {
  describe('leadership', () => {
    it(
      'is one candidate’s at a time, and handed over when it resigns',
      onNewStore(async (openHandle) => {
        const [one, other] = await Promise.all([openHandle(), openHandle()]);
        const never = new AbortController().signal;
        const first = await one.leadership.campaign('main', never);
        assert.ok(first !== undefined && !first.lost.aborted);
        let elected = false;
        const waiting = other.leadership.campaign('main', never).then((lease) => {
          elected = true;
          return lease;
        });
        // Whatever would elect the second candidate too early has had its turn by then.
        await other.documents.put('a', new Uint8Array(), 'any');
        assert.equal(elected, false);
        await first.resign();
        const second = await waiting;
        assert.ok(first.lost.aborted);
        assert.ok(second !== undefined && !second.lost.aborted);
        await first.resign();
        assert.ok(!second.lost.aborted, 'a second resignation hit the successor');
        await second.resign();
      }),
    );

    it(
      'passes to another handle when the holder’s is closed, and skips candidates that gave up or closed',
      onNewStore(async (openHandle) => {
        const [holder, quitter, closer, heir] = await Promise.all([
          openHandle(),
          openHandle(),
          openHandle(),
          openHandle(),
        ]);
        const never = new AbortController().signal;
        const lease = await holder.leadership.campaign('main', never);
        const quit = new AbortController();
        const quitting = quitter.leadership.campaign('main', quit.signal);
        const closing = closer.leadership.campaign('main', never);
        const alsoOfHolder = holder.leadership.campaign('main', never);
        const waiting = heir.leadership.campaign('main', never);
        quit.abort();
        assert.equal(await quitting, undefined);
        await closer.close();
        assert.equal(await closing, undefined);
        await holder.close();
        assert.ok(lease?.lost.aborted);
        assert.equal(await alsoOfHolder, undefined);
        const inherited = await waiting;
        assert.ok(inherited !== undefined && !inherited.lost.aborted);
      }),
    );

    it(
      'of different names is independent',
      onNewStore(async (openHandle) => {
        const store = await openHandle();
        const never = new AbortController().signal;
        const east = await store.leadership.campaign('east', never);
        const west = await store.leadership.campaign('west', never);
        await east?.resign();
        assert.ok(west !== undefined && !west.lost.aborted);
      }),
    );

    it(
      'lost without noticing does no harm: the log refuses the earlier leader (L2, L4)',
      onNewStore(async (openHandle) => {
        const [earlier, later] = await Promise.all([openHandle(), openHandle()]);
        const never = new AbortController().signal;
        const lease = await earlier.leadership.campaign('main', never);
        await earlier.log('main').append(0, batchOf('earlier', 'leadership-taken'));
        const succession = later.leadership.campaign('main', never);
        await lease?.resign();
        await succession;
        await later.log('main').append(1, batchOf('later', 'leadership-taken'));
        const outcome = await earlier.log('main').append(1, batchOf('earlier', 'decision'));
        assert.deepEqual(outcome, { kind: 'conflict', found: { writer: 'later', id: 'leadership-taken' } });
      }),
    );
  });
}
