import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { systemClock } from '@pogo/lifecycle';
import fastCheck from 'fast-check';
import { describe, it } from 'vitest';
import { Connection } from '../src/drivers/zookeeper/wire/connection.js';
import { FrameSplitter } from '../src/drivers/zookeeper/wire/frame-splitter.js';
import { JuteReader, MalformedMessage } from '../src/drivers/zookeeper/wire/jute-reader.js';
import { JuteWriter } from '../src/drivers/zookeeper/wire/jute-writer.js';
import { getChildren, getData } from '../src/drivers/zookeeper/wire/requests.js';

const frameOf = (message: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(message.byteLength);
  return Buffer.concat([length, message]);
};

/** A server that answers the first bytes of each connection with these, then closes it. */
async function whereServerSays(answer: Buffer, body: (port: number) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await body((server.address() as AddressInfo).port);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

function dial(port: number) {
  return Connection.dial({
    server: { host: '127.0.0.1', port },
    greeting: { session: undefined, timeoutMs: 1_000, seenZxid: 0 },
    patienceMs: 60_000,
    clock: systemClock,
    stop: new AbortController().signal,
    onEvent: () => undefined,
  });
}

describe('the messages of ZooKeeper’s protocol', () => {
  it('come apart again as they were put together, wherever the connection has cut them', () => {
    fastCheck.assert(
      fastCheck.property(
        fastCheck.array(fastCheck.uint8Array({ maxLength: 600 }), { maxLength: 8 }),
        fastCheck.array(fastCheck.integer({ min: 1, max: 900 }), { minLength: 1 }),
        (messages, cuts) => {
          const all = Buffer.concat(messages.map(frameOf));
          const splitter = new FrameSplitter();
          const got: Buffer[] = [];
          for (let at = 0, round = 0; at < all.byteLength; round += 1) {
            const bytes = cuts[round % cuts.length]!;
            got.push(...splitter.push(all.subarray(at, at + bytes)));
            at += bytes;
          }
          assert.deepEqual(
            got.map((each) => [...each]),
            messages.map((each) => [...each]),
          );
        },
      ),
    );
  });

  it('are read as they were written', () => {
    fastCheck.assert(
      fastCheck.property(
        fastCheck.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fastCheck.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fastCheck.boolean(),
        fastCheck.uint8Array({ maxLength: 2_000 }),
        fastCheck.array(fastCheck.string({ unit: 'grapheme' })),
        (int, long, bool, bytes, texts) => {
          const frame = new JuteWriter().texts(texts).bytes(bytes).int(int).long(long).bool(bool).frame();
          const [message] = new FrameSplitter().push(frame);
          const reader = new JuteReader(message!);
          assert.deepEqual(reader.texts(), texts);
          assert.deepEqual(reader.bytes(), bytes);
          assert.deepEqual([reader.int(), reader.long(), reader.bool()], [int, long, bool]);
          assert.throws(() => reader.bool(), MalformedMessage);
        },
      ),
    );
  });

  it('end the connection that they can’t be understood on, and nothing else, whatever the server sends', async () => {
    const welcome = new JuteWriter().int(0).int(1_000).long(7n).bytes(new Uint8Array(16)).bool(false).frame();
    const header = fastCheck
      .tuple(fastCheck.constantFrom(-8, -4, -1, 1, 2, 3), fastCheck.constantFrom(0, 0, -101, -112))
      .map(([number, code]) => new JuteWriter().int(number).long(5n).int(code).frame().subarray(4));
    const message = fastCheck
      .tuple(header, fastCheck.uint8Array({ maxLength: 120 }))
      .map(([head, rest]) => frameOf(Buffer.concat([head, rest])));
    const noise = fastCheck.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    let connected = 0;
    await fastCheck.assert(
      fastCheck.asyncProperty(
        fastCheck.boolean(),
        fastCheck.array(fastCheck.oneof(message, message, noise), { maxLength: 4 }),
        async (welcomes, parts) => {
          const answer = Buffer.concat([...(welcomes ? [welcome] : []), ...parts]);
          await whereServerSays(answer, async (port) => {
            const outcome = await dial(port);
            if (outcome.kind !== 'connected') return;
            connected += 1;
            const { connection } = outcome;
            const answers = await Promise.all([
              connection.ask(getData('/one')),
              connection.ask(getChildren('/two', false)),
            ]);
            for (const { kind } of answers) assert.ok(['ok', 'refused', 'lost'].includes(kind));
            await connection.ended;
            assert.equal((await connection.ask(getData('/three'))).kind, 'lost');
            await connection.close();
          });
        },
      ),
      { numRuns: 150 },
    );
    assert.ok(connected > 20);
  });
});
