import { createHash } from 'node:crypto';
import { jobSpecSchema } from '@pogo/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { RequestOptions } from './support/api-client.js';
import {
  Cluster,
  finished,
  jobRequest,
  plan,
  type RunningDispatcher,
  sealFor,
  submit,
} from './support/cluster.js';
import { succeed } from './support/attempt-scripts.js';

const documentSchema = z.object({
  openapi: z.literal('3.1.0'),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        summary: z.string(),
        parameters: z.array(z.object({ name: z.string(), in: z.string() })).optional(),
        security: z.array(z.record(z.string(), z.array(z.string()))),
        responses: z.record(
          z.string(),
          z.object({
            content: z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) })),
          }),
        ),
      }),
    ),
  ),
});
type Operation = z.infer<typeof documentSchema>['paths'][string][string];

let cluster: Cluster;
let running: RunningDispatcher;
let operations: Map<string, Operation>;
beforeAll(async () => {
  cluster = await Cluster.make();
  running = await cluster.dispatcher();
  await cluster.worker(running.dispatcher, {
    script: (attempt, self) =>
      self.opened.get(attempt.job)?.spec.targets.includes('lost') === true
        ? [{ ...attempt, event: 'finished', outcome: { state: 'unknown', reason: 'rexec-lost' } }]
        : succeed(attempt, self),
  });
  await finished(running.api, (await submit(running.api, jobRequest('a[1-2]'))).id);
  const { paths } = documentSchema.parse((await running.api.call('/openapi.json')).json());
  operations = new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation]),
    ),
  );
});
afterAll(() => cluster.remove());

const verb = (name: string, body: object, status: number) => ({
  path: `/v1/jobs/1/${name}`,
  options: { body },
  status,
});
const script = Buffer.from('echo hello');
const attachment = {
  path: `/v1/attachments/${createHash('sha256').update(script).digest('hex')}`,
  options: { method: 'PUT', headers: { 'content-type': 'application/octet-stream' }, raw: script },
};

/** One good request for every operation: one that is documented and isn't here fails. */
const requests: Record<string, () => Promise<{ path: string; options?: RequestOptions; status: number }>> = {
  'POST /v1/plans': async () => ({
    path: '/v1/plans?forecast',
    options: { body: jobRequest('b') },
    status: 200,
  }),
  'POST /v1/jobs': async () => {
    const planned = await plan(running.api, jobRequest('c'));
    const { spec, digest, limits } = planned;
    const body = { spec, digest, limits, credentials: sealFor(planned) };
    return { path: '/v1/jobs', options: { headers: { 'idempotency-key': 'open' }, body }, status: 202 };
  },
  'GET /v1/jobs': async () => ({ path: '/v1/jobs?limit=1', status: 200 }),
  'GET /v1/jobs/{id}': async () => ({ path: '/v1/jobs/1', status: 200 }),
  'GET /v1/jobs/{id}/hosts': async () => ({ path: '/v1/jobs/1/hosts', status: 200 }),
  'GET /v1/jobs/{id}/events': async () => ({ path: '/v1/jobs/1/events', status: 200 }),
  'GET /v1/jobs/{id}/output': async () => ({ path: '/v1/jobs/1/output', status: 200 }),
  'GET /v1/jobs/{id}/hosts/{host}/output': async () => ({ path: '/v1/jobs/1/hosts/a1/output', status: 200 }),
  'POST /v1/jobs/{id}/halt': async () => ({
    path: '/v1/jobs/1/halt',
    options: { body: { kill: false } },
    status: 409,
  }),
  'GET /v1/jobs/{id}/spec': async () => ({ path: '/v1/jobs/1/spec', status: 200 }),
  'POST /v1/jobs/{id}/resume': async () => verb('resume', {}, 409),
  'POST /v1/jobs/{id}/hold': async () => verb('hold', {}, 409),
  'POST /v1/jobs/{id}/alter': async () => verb('alter', { limits: { concurrent: '1' } }, 409),
  'POST /v1/jobs/{id}/retry': async () => verb('retry', {}, 409),
  'POST /v1/jobs/{id}/skip': async () => verb('skip', { hosts: 'a1' }, 409),
  'POST /v1/jobs/{id}/release': async () => verb('release', { hosts: 'a1' }, 409),
  'POST /v1/jobs/{id}/resolve': async () => {
    const job = await submit(running.api, jobRequest('lost'));
    await finished(running.api, job.id);
    const spec = jobSpecSchema.parse((await running.api.call(`/v1/jobs/${job.id}/spec`)).json());
    const body = { credentials: sealFor(spec) };
    return { path: `/v1/jobs/${job.id}/resolve`, options: { body }, status: 202 };
  },
  'POST /v1/jobs/{id}/replay': async () => verb('replay', {}, 409),
  'GET /v1/workers': async () => ({ path: '/v1/workers', status: 200 }),
  'POST /v1/workers/{name}/drain': async () => ({
    path: '/v1/workers/worker-1/drain',
    options: { body: { note: 'new kernel' } },
    status: 200,
  }),
  'POST /v1/workers/{name}/undrain': async () => ({
    path: '/v1/workers/worker-1/undrain',
    options: { body: {} },
    status: 200,
  }),
  'HEAD /v1/attachments/{sha256}': async () => {
    await running.api.call(attachment.path, attachment.options);
    return { path: attachment.path, options: { method: 'HEAD' }, status: 200 };
  },
  'PUT /v1/attachments/{sha256}': async () => ({ ...attachment, status: 200 }),
  'GET /v1/jobs/{id}/explanation': async () => ({ path: '/v1/jobs/1/explanation', status: 200 }),
  'GET /v1/jobs/{id}/report': async () => ({ path: '/v1/jobs/1/report', status: 200 }),
  'GET /v1/namespaces': async () => ({ path: '/v1/namespaces', status: 200 }),
  'GET /v1/namespaces/{name}': async () => ({ path: '/v1/namespaces/default', status: 200 }),
  'PUT /v1/namespaces/{name}': async () => ({
    path: '/v1/namespaces/default',
    options: { method: 'PUT', body: { file: 'f', text: 'apps: { a: [h1] }' } },
    status: 200,
  }),
  'POST /v1/namespaces/{name}/freeze': async () => ({
    path: '/v1/namespaces/default/freeze',
    options: { body: { slot: 'nowhere' } },
    status: 404,
  }),
  'POST /v1/namespaces/{name}/thaw': async () => ({
    path: '/v1/namespaces/default/thaw',
    options: { body: {} },
    status: 200,
  }),
  'GET /v1/namespaces/{name}/hosts': async () => ({
    path: '/v1/namespaces/default/hosts?targets=a1',
    status: 200,
  }),
  'GET /v1/namespaces/{name}/versions': async () => ({
    path: '/v1/namespaces/default/versions',
    status: 200,
  }),
  'GET /v1/namespaces/{name}/versions/{version}': async () => ({
    path: '/v1/namespaces/default/versions/1',
    status: 200,
  }),
  'GET /v1/ping': async () => ({ path: '/v1/ping', status: 200 }),
  'GET /healthz': async () => ({ path: '/healthz', status: 200 }),
  'GET /readyz': async () => ({ path: '/readyz', status: 200 }),
  'GET /metrics': async () => ({ path: '/metrics', status: 200 }),
  'GET /openapi.json': async () => ({ path: '/openapi.json', status: 200 }),
};

/** What JSON Schema needs of a value, as far as these documents use it. */
function fits(schema: Record<string, unknown>, value: unknown): boolean {
  return z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).safeParse(value).success;
}

describe('the description of the API', () => {
  it('says of every verb about a job that it can be tied to a version, and what it answers when that is stale', () => {
    // A replay changes nothing.
    const verbs = [...operations].filter(
      ([name]) => /^POST \/v1\/jobs\/\{id\}\/\w+$/.test(name) && !name.endsWith('/replay'),
    );
    expect(verbs.length).toBeGreaterThanOrEqual(8);
    for (const [name, { parameters, responses }] of verbs) {
      expect(parameters, name).toContainEqual(expect.objectContaining({ name: 'if-match', in: 'header' }));
      expect(Object.keys(responses), name).toContain('412');
    }
  });

  it('has every operation that is tried here, and no other', () => {
    expect([...operations.keys()].sort()).toEqual(Object.keys(requests).sort());
  });

  it.each(Object.keys(requests))('tells the truth about %s', async (name) => {
    const operation = operations.get(name)!;
    const { path, options, status } = await requests[name]!();
    const reply = await running.api.call(path, options);
    expect(reply.status).toBe(status);
    const content = operation.responses[String(status)]?.content;
    expect(content, `status ${status} is documented`).toBeDefined();
    const type = reply.headers['content-type']!.split(';', 1)[0]!;
    expect(Object.keys(content!)).toEqual([type]);
    const { schema } = content![type]!;
    const documents =
      type === 'application/x-ndjson'
        ? reply.body.toString().trim().split('\n')
        : type.endsWith('json') && name !== 'GET /openapi.json'
          ? [reply.body.toString()]
          : [];
    for (const text of documents) {
      expect(fits(schema, JSON.parse(text)), text.slice(0, 200)).toBe(true);
      expect(fits(schema, { unexpected: true }), 'the schema refuses something').toBe(false);
    }

    const stranger = cluster.client(running.dispatcher, 'nobody');
    const refused = await stranger.call(path, options);
    stranger.close();
    const open = operation.security.length === 0;
    expect(refused.status === 401).toBe(!open);
    if (!open) expect(Object.keys(operation.responses)).toContain('401');
  });
});
