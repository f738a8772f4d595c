import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobRequest } from './support/cluster.js';
import { expectRefusal, openRefusalScene, type Refusal, type RefusalScene } from './support/refusal.js';

let scene: RefusalScene;
beforeAll(async () => {
  scene = await openRefusalScene();
});
afterAll(() => scene.remove());

const request = (changes: object) => () => ({ body: { ...jobRequest('web[1-3]'), ...changes } });

const refusals: Refusal[] = [
  {
    what: 'a body that is not JSON',
    path: '/v1/plans',
    options: () => ({ method: 'POST', raw: '{"version":', headers: { 'content-type': 'application/json' } }),
    status: 400,
    code: 'invalid-request',
    says: 'JSON',
  },
  {
    what: 'no body',
    path: '/v1/plans',
    options: () => ({ method: 'POST' }),
    status: 400,
    code: 'invalid-request',
    says: 'body',
  },
  {
    what: 'a body of another type',
    path: '/v1/plans',
    options: () => ({ method: 'POST', raw: 'a: 1', headers: { 'content-type': 'application/yaml' } }),
    status: 415,
    code: 'invalid-request',
    says: 'Unsupported Media Type',
  },
  {
    what: 'a body that is a list',
    path: '/v1/plans',
    options: () => ({ body: [] }),
    status: 400,
    code: 'invalid-request',
    says: 'body',
  },
  {
    what: 'an unknown member',
    path: '/v1/plans',
    options: request({ repeats: 3 }),
    status: 400,
    code: 'invalid-request',
    says: 'repeats',
    names: 'repeats',
  },
  {
    what: 'an unknown member further in',
    path: '/v1/plans',
    options: request({ auth: { methods: ['password'], tries: 2 } }),
    status: 400,
    code: 'invalid-request',
    says: 'auth.tries',
    names: 'auth.tries',
  },
  {
    what: 'a member of the wrong type',
    path: '/v1/plans',
    options: request({ port: '22' }),
    status: 400,
    code: 'invalid-request',
    says: 'port',
    names: 'port',
  },
  {
    what: 'a port out of range',
    path: '/v1/plans',
    options: request({ port: 70_000 }),
    status: 400,
    code: 'invalid-request',
    says: 'port',
    names: 'port',
  },
  {
    what: 'an empty argv',
    path: '/v1/plans',
    options: request({ command: { kind: 'argv', argv: [] } }),
    status: 400,
    code: 'invalid-request',
    says: 'command.argv',
    names: 'command.argv',
  },
  {
    what: 'a NUL in an argument',
    path: '/v1/plans',
    options: request({ command: { kind: 'argv', argv: ['a', 'b\0c'] } }),
    status: 400,
    code: 'invalid-request',
    says: 'nul-byte',
    names: 'command.argv.1',
  },
  {
    what: 'a command that is too long',
    path: '/v1/plans',
    options: request({ command: { kind: 'shell', script: 'x'.repeat(130_000) } }),
    status: 400,
    code: 'invalid-request',
    says: 'command-too-long',
    names: 'command.script',
  },
  {
    what: 'a variable that is no name',
    path: '/v1/plans',
    options: request({ environment: { 'A B': '1' } }),
    status: 400,
    code: 'invalid-request',
    says: 'environment',
  },
  {
    what: 'a method that is named twice',
    path: '/v1/plans',
    options: request({ auth: { methods: ['password', 'password'] } }),
    status: 400,
    code: 'invalid-request',
    says: 'twice',
    names: 'auth.methods',
  },
  {
    what: 'a namespace that is not there',
    path: '/v1/plans',
    options: request({ namespace: 'blue' }),
    status: 404,
    code: 'unknown-namespace',
    says: 'blue',
    names: 'namespace',
  },
  {
    what: 'a concurrency of 0',
    path: '/v1/plans',
    options: request({ limits: { concurrent: '0', maxFailures: null, jobTimeoutMs: 1000 } }),
    status: 400,
    code: 'invalid-request',
    says: 'at least 1',
    names: 'limits.concurrent',
  },
  {
    what: 'a malformed target',
    path: '/v1/plans',
    options: request({ targets: 'web[1-' }),
    status: 400,
    code: 'invalid-target',
    says: 'position 4',
    names: 'targets',
  },
  {
    what: 'a range that goes backwards',
    path: '/v1/plans',
    options: request({ targets: 'web[9-1]' }),
    status: 400,
    code: 'invalid-target',
    says: 'range-backwards',
  },
  {
    what: 'an unknown group',
    path: '/v1/plans',
    options: request({ targets: '@frontend' }),
    status: 400,
    code: 'invalid-target',
    says: 'unknown-group',
  },
  {
    what: 'targets that leave nothing',
    path: '/v1/plans',
    options: request({ targets: 'a!a' }),
    status: 400,
    code: 'invalid-target',
    says: 'no host',
  },
  {
    what: 'far too many targets',
    path: '/v1/plans',
    options: request({ targets: 'h[1-99999999]' }),
    status: 400,
    code: 'too-many-targets',
    says: '1,000,000',
  },
  {
    what: 'a body above the limit',
    path: '/v1/plans',
    options: () => ({ body: jobRequest('a', { environment: {}, targets: 'x'.repeat(33 * 1024 * 1024) }) }),
    status: 413,
    code: 'spec-too-large',
    says: '32 MiB',
  },
];

describe('a plan that can not be made', () => {
  it.each(refusals)('$what is refused as $code', (refusal) => expectRefusal(scene, refusal));

  it('keeps what was sent out of the log', async () => {
    const marker = randomBytes(12).toString('hex');
    await scene.api.call('/v1/plans', { body: { ...jobRequest('a'), [marker]: marker } });
    expect(scene.running.logged()).not.toContain(marker);
  });

  it('has no worker to plan with while none is connected', async () => {
    const lonely = await scene.cluster.dispatcher({ limits: { workerWaitMs: 1 } });
    const reply = await lonely.api.call('/v1/plans', { body: jobRequest('a') });
    expect(reply.status).toBe(503);
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:no-worker' });
    await lonely.stop();
  });
});
