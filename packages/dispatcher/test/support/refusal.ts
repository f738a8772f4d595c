/** Requests that can not be served, and what is said of each. */
import { type PlanResponse, problemSchema } from '@pogo/protocol';
import { expect } from 'vitest';
import type { ApiClient, RequestOptions } from './api-client.js';
import { Cluster, jobRequest, plan, type RunningDispatcher, submit } from './cluster.js';
import { silence } from './attempt-scripts.js';

export interface Refusal {
  readonly what: string;
  readonly path: string;
  options?(planned: PlanResponse): RequestOptions;
  readonly status: number;
  readonly code: string;
  /** Must occur in the problem's text. */
  readonly says: string;
  /** Path of an entry of `errors`. */
  readonly names?: string;
}

/** A dispatcher with one job, whose hosts are never heard of, and a plan that may be submitted. */
export interface RefusalScene {
  readonly cluster: Cluster;
  readonly running: RunningDispatcher;
  readonly api: ApiClient;
  readonly planned: PlanResponse;
  remove(): Promise<void>;
}

export async function openRefusalScene(): Promise<RefusalScene> {
  const cluster = await Cluster.make();
  const running = await cluster.dispatcher();
  const { api } = running;
  await cluster.worker(running.dispatcher, { script: silence });
  await submit(api, jobRequest('here[1-3]'));
  const planned = await plan(api, jobRequest('web1'));
  return { cluster, running, api, planned, remove: () => cluster.remove() };
}

export async function expectRefusal(scene: RefusalScene, refusal: Refusal): Promise<void> {
  const { path, options, status, code, says, names } = refusal;
  const reply = await scene.api.call(path, options?.(scene.planned));
  expect(reply.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  const problem = problemSchema.parse(reply.json());
  expect(problem).toMatchObject({ status, type: `urn:pogo:problem:${code}` });
  expect(reply.status).toBe(status);
  expect(`${problem.detail} ${JSON.stringify(problem.errors ?? [])}`).toContain(says);
  if (names !== undefined) expect(problem.errors?.map(({ path: at }) => at)).toContain(names);
}
