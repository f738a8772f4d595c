import { type PlanResponse, specDigest } from '@pogo/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sealFor } from './support/cluster.js';
import { expectRefusal, openRefusalScene, type Refusal, type RefusalScene } from './support/refusal.js';

let scene: RefusalScene;
beforeAll(async () => {
  scene = await openRefusalScene();
});
afterAll(() => scene.remove());

const submission =
  (changes: object, headers: Record<string, string> = { 'idempotency-key': 'k-1' }) =>
  (planned: PlanResponse) => {
    const { spec, digest, limits } = planned;
    return { headers, body: { spec, digest, limits, credentials: sealFor(planned), ...changes } };
  };

const refusals: Refusal[] = [
  {
    what: 'a submission without a key',
    path: '/v1/jobs',
    options: submission({}, {}),
    status: 400,
    code: 'idempotency-key-missing',
    says: 'Idempotency-Key',
  },
  {
    what: 'a key that is too long',
    path: '/v1/jobs',
    options: submission({}, { 'idempotency-key': 'k'.repeat(300) }),
    status: 400,
    code: 'idempotency-key-missing',
    says: '255',
  },
  {
    what: 'a digest of something else',
    path: '/v1/jobs',
    options: submission({ digest: `sha256:${'0'.repeat(64)}` }),
    status: 422,
    code: 'digest-mismatch',
    says: 'sha256:',
  },
  {
    what: 'a digest that is none',
    path: '/v1/jobs',
    options: submission({ digest: 'md5:1' }),
    status: 400,
    code: 'invalid-request',
    says: 'digest',
    names: 'digest',
  },
  {
    what: 'a submission without credentials',
    path: '/v1/jobs',
    options: submission({ credentials: undefined }),
    status: 400,
    code: 'invalid-request',
    says: 'credentials',
    names: 'credentials',
  },
  {
    what: 'credentials for a worker that is not known',
    path: '/v1/jobs',
    options: (planned) => ({
      headers: { 'idempotency-key': 'k-2' },
      body: {
        ...submission({})(planned).body,
        credentials: sealFor({
          ...planned,
          recipients: [{ worker: 'w', kid: 'sha256:ff', certificate: 'c' }],
        }),
      },
    }),
    status: 409,
    code: 'recipients-changed',
    says: 'sha256:ff',
  },
];

describe('a submission that can not be accepted', () => {
  it.each(refusals)('$what is refused as $code', (refusal) => expectRefusal(scene, refusal));

  it('uses up no job number', async () => {
    const list = (await scene.api.call('/v1/jobs')).json() as { jobs: { id: string }[] };
    expect(list.jobs.map(({ id }) => id)).toEqual(['p0000000001']);
  });

  it('refuses another submitter than the one of the token', async () => {
    const spec = { ...scene.planned.spec, submitter: 'eve' };
    const reply = await scene.api.call(
      '/v1/jobs',
      submission({ spec, digest: specDigest(spec) })(scene.planned),
    );
    expect(reply.status).toBe(403);
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:forbidden' });
  });
});
