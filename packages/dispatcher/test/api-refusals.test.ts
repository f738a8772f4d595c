import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectRefusal, openRefusalScene, type Refusal, type RefusalScene } from './support/refusal.js';

let scene: RefusalScene;
beforeAll(async () => {
  scene = await openRefusalScene();
});
afterAll(() => scene.remove());

const refusals: Refusal[] = [
  {
    what: 'a path that is not there',
    path: '/v1/nothing',
    status: 404,
    code: 'not-found',
    says: '/v1/nothing',
  },
  {
    what: 'a method that is not there',
    path: '/v1/jobs/1',
    options: () => ({ method: 'DELETE' }),
    status: 404,
    code: 'not-found',
    says: 'DELETE',
  },
  {
    what: 'an unknown job',
    path: '/v1/jobs/p0000000077',
    status: 404,
    code: 'unknown-job',
    says: 'p0000000077',
  },
  { what: 'a job id that is none', path: '/v1/jobs/x%20y', status: 404, code: 'unknown-job', says: 'x y' },
  {
    what: 'hosts of an unknown job',
    path: '/v1/jobs/77/hosts',
    status: 404,
    code: 'unknown-job',
    says: '77',
  },
  {
    what: 'events of an unknown job',
    path: '/v1/jobs/77/events',
    status: 404,
    code: 'unknown-job',
    says: '77',
  },
  {
    what: 'output of an unknown job',
    path: '/v1/jobs/77/output',
    status: 404,
    code: 'unknown-job',
    says: '77',
  },
  {
    what: 'an unknown host',
    path: '/v1/jobs/1/hosts/there/output',
    status: 404,
    code: 'unknown-host',
    says: 'there',
  },
  {
    what: 'an attempt that never was',
    path: '/v1/jobs/1/hosts/here1/output?attempt=4',
    status: 404,
    code: 'unknown-host',
    says: '1 attempt',
  },
  {
    what: 'a stream that is none',
    path: '/v1/jobs/1/hosts/here1/output?stream=log',
    status: 400,
    code: 'invalid-request',
    says: 'query.stream',
    names: 'query.stream',
  },
  {
    what: 'an unknown query parameter',
    path: '/v1/jobs?stat=running',
    status: 400,
    code: 'invalid-request',
    says: 'stat',
    names: 'query.stat',
  },
  {
    what: 'an unknown job state',
    path: '/v1/jobs?state=done',
    status: 400,
    code: 'invalid-request',
    says: 'query.state',
    names: 'query.state',
  },
  {
    what: 'a limit of 0',
    path: '/v1/jobs?limit=0',
    status: 400,
    code: 'invalid-request',
    says: 'query.limit',
    names: 'query.limit',
  },
  {
    what: 'a broken cursor of jobs',
    path: '/v1/jobs?cursor=zz',
    status: 400,
    code: 'invalid-request',
    says: 'cursor',
    names: 'query.cursor',
  },
  {
    what: 'a broken cursor of hosts',
    path: '/v1/jobs/1/hosts?cursor=zz',
    status: 400,
    code: 'invalid-request',
    says: 'cursor',
    names: 'query.cursor',
  },
  {
    what: 'a broken event id',
    path: '/v1/jobs/1/events',
    options: () => ({ headers: { 'last-event-id': 'seven' } }),
    status: 400,
    code: 'invalid-request',
    says: 'Last-Event-ID',
  },
  {
    what: 'a broken position',
    path: '/v1/jobs/1/output?from=7',
    status: 400,
    code: 'invalid-request',
    says: 'WORKER:POSITION',
    names: 'query.from',
  },
  {
    what: 'a small request that is large',
    path: '/v1/jobs/1/halt',
    options: () => ({ raw: `{"kill":false,"x":"${'y'.repeat(70_000)}"}` }),
    status: 413,
    code: 'spec-too-large',
    says: 'too large',
  },
  {
    what: 'a halt without kill',
    path: '/v1/jobs/1/halt',
    options: () => ({ body: {} }),
    status: 400,
    code: 'invalid-request',
    says: 'kill',
    names: 'kill',
  },
  {
    what: 'a halt of an unknown job',
    path: '/v1/jobs/77/halt',
    options: () => ({ body: { kill: false } }),
    status: 404,
    code: 'unknown-job',
    says: '77',
  },
];

describe('a request that can not be served', () => {
  it.each(refusals)('$what is refused as $code', (refusal) => expectRefusal(scene, refusal));

  it('says nothing of itself without a token, or with a wrong one', async () => {
    const paths = ['/v1/jobs', '/v1/jobs/1/events', '/v1/ping', '/metrics', '/v1/nothing'];
    for (const token of ['', randomBytes(32).toString('base64url')]) {
      const stranger = scene.cluster.client(scene.running.dispatcher, token);
      for (const path of paths) {
        const reply = await stranger.call(path);
        expect(reply.status, path).toBe(401);
        expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:unauthenticated' });
        expect(reply.headers['www-authenticate']).toContain('Bearer');
      }
      expect((await stranger.call('/healthz')).status).toBe(200);
      stranger.close();
    }
  });
});
