import { randomBytes } from 'node:crypto';
import { type PlanResponse, problemSchema } from '@pogo/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiClient, RequestOptions } from './support/api-client.js';
import { Cluster, jobRequest, plan, type RunningDispatcher, sealFor, submit } from './support/cluster.js';
import { silence } from './support/scripted-worker.js';

let cluster: Cluster;
let running: RunningDispatcher;
let api: ApiClient;
let planned: PlanResponse;
beforeAll(async () => {
  cluster = await Cluster.make();
  running = await cluster.dispatcher();
  api = running.api;
  await cluster.worker(running.dispatcher, { script: silence });
  await submit(api, jobRequest('here[1-3]'));
  planned = await plan(api, jobRequest('web1'));
});
afterAll(() => cluster.remove());

interface Case {
  what: string;
  path: string;
  options?: () => RequestOptions;
  status: number;
  code: string;
  /** Must occur in the problem's text. */
  says: string;
  /** Path of an entry of `errors`. */
  names?: string;
}

const request = (changes: object) => () => ({ body: { ...jobRequest('web[1-3]'), ...changes } });
const submission =
  (changes: object, headers: Record<string, string> = { 'idempotency-key': 'k-1' }) =>
  () => {
    const { spec, digest, limits } = planned;
    return { headers, body: { spec, digest, limits, credentials: sealFor(planned), ...changes } };
  };

const cases: Case[] = [
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
    status: 400,
    code: 'invalid-request',
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
    options: () => ({
      headers: { 'idempotency-key': 'k-2' },
      body: {
        ...submission({})().body,
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

describe('a request that can not be served', () => {
  it.each(cases)('$what is refused as $code', async ({ path, options, status, code, says, names }) => {
    const reply = await api.call(path, options?.());
    expect(reply.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    const problem = problemSchema.parse(reply.json());
    expect(problem).toMatchObject({ status, type: `urn:pogo:problem:${code}` });
    expect(reply.status).toBe(status);
    expect(`${problem.detail} ${JSON.stringify(problem.errors ?? [])}`).toContain(says);
    if (names !== undefined) expect(problem.errors?.map(({ path: at }) => at)).toContain(names);
  });

  it('uses up no job number', async () => {
    const list = (await api.call('/v1/jobs')).json() as { jobs: { id: string }[] };
    expect(list.jobs.map(({ id }) => id)).toEqual(['p0000000001']);
  });

  it('refuses another submitter than the one of the token', async () => {
    const spec = { ...planned.spec, submitter: 'eve' };
    const { specDigest } = await import('@pogo/protocol');
    const reply = await api.call('/v1/jobs', submission({ spec, digest: specDigest(spec) })());
    expect(reply.status).toBe(403);
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:forbidden' });
  });

  it('says nothing of itself without a token, or with a wrong one', async () => {
    const paths = ['/v1/jobs', '/v1/jobs/1/events', '/v1/ping', '/metrics', '/v1/nothing'];
    for (const token of ['', randomBytes(32).toString('base64url')]) {
      const stranger = cluster.client(running.dispatcher, token);
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

  it('keeps what was sent out of the log', async () => {
    const marker = randomBytes(12).toString('hex');
    await api.call('/v1/plans', { body: { ...jobRequest('a'), [marker]: marker } });
    expect(running.logged()).not.toContain(marker);
  });

  it('has no worker to plan with while none is connected', async () => {
    const lonely = await cluster.dispatcher({ limits: { workerWaitMs: 1 } });
    const reply = await lonely.api.call('/v1/plans', { body: jobRequest('a') });
    expect(reply.status).toBe(503);
    expect(reply.json()).toMatchObject({ type: 'urn:pogo:problem:no-worker' });
    await lonely.stop();
  });
});
