import { method, MethodError } from '@pogo/wire';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { dial, listen, socketsClosed, stopLinks } from './links.js';

afterEach(async () => {
  await stopLinks();
  await socketsClosed();
});

const number = z.int();
const options = { timeoutMs: 5000 };

test('both sides call each other, with identities from the certificates', async () => {
  const { url, peers } = await listen({ methods: { double: method(number, (n) => n * 2) } });
  const { connected } = await dial(url, { methods: { negate: method(number, async (n) => -n) } });
  const [worker, dispatcher] = await Promise.all([peers.next(), connected.next()]);
  expect(worker.identity).toEqual({ role: 'worker', name: 'w1' });
  expect(dispatcher.identity).toEqual({ role: 'dispatcher', name: 'd1' });
  expect(await dispatcher.call('double', 21, number, options)).toEqual({ kind: 'ok', value: 42 });
  expect(await worker.call('negate', 21, number, options)).toEqual({ kind: 'ok', value: -21 });
});

test('errors keep their stable code, and a bug in a handler shows nothing of itself to the caller', async () => {
  const bugs: [string, unknown][] = [];
  const { url } = await listen({
    methods: {
      refuse: method(z.unknown(), () => {
        throw new MethodError('too-old', 'speaks protocol 0');
      }),
      bug: method(z.unknown(), () => Promise.reject(new Error('password is hunter2'))),
      strict: method(z.strictObject({ a: number }), () => 'never'),
    },
    failed: (name, error) => bugs.push([name, error]),
  });
  const peer = await (await dial(url)).connected.next();
  expect(await peer.call('refuse', null, number, options)).toEqual({
    kind: 'error',
    code: 'too-old',
    message: 'speaks protocol 0',
  });
  expect(await peer.call('bug', null, number, options)).toEqual({
    kind: 'error',
    code: 'internal',
    message: 'internal error',
  });
  expect(bugs).toMatchObject([['bug', { message: 'password is hunter2' }]]);
  expect(await peer.call('strict', { a: 'secret' }, number, options)).toMatchObject({
    kind: 'error',
    code: 'invalid-params',
    message: expect.not.stringContaining('secret') as string,
  });
  expect(await peer.call('toString', null, number, options)).toMatchObject({
    kind: 'error',
    code: 'unknown-method',
  });
});

test('an answer that does not fit its schema is a result of its own', async () => {
  const { url } = await listen({ methods: { text: method(z.unknown(), () => 'seven') } });
  const peer = await (await dial(url)).connected.next();
  expect(await peer.call('text', null, number, options)).toMatchObject({ kind: 'invalid' });
});
