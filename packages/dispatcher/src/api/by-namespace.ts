/**
 * The routes of several namespaces as one: each request goes to the routes of the namespace that it is about, which know
 * of no other.
 *
 * 1. A route says in its declaration by what its namespace is found ({@link NamespaceBy}).
 * 2. `last` is the newest job of the namespace that `?namespace=` names, and without it the newest of all.
 * 3. Whether a namespace exists isn't told before that is known: until then the store isn't available.
 * 4. What changes something, and what only a leader knows, is answered by who leads the namespace; everything else from what
 *    the log says here, which may be a moment behind. An answer has the index up to which it has seen the log, and
 *    `?min-index=` waits for one: so whoever has changed something at one dispatcher finds it at every other.
 */
import { formatJobId, namespaceNumberOf, parseJobId } from '@pogo/core';
import * as z from 'zod';
import type { Leader } from '../leader/leader.js';
import type { ServedNamespace } from '../namespaces/served-namespace.js';
import type { ServedNamespaces } from '../namespaces/served-namespaces.js';
import { newestJob } from '../jobs/find-job.js';
import { listAllJobs } from './all-jobs.js';
import { type ProblemAnswer, storeUnavailable } from './answer.js';
import { unknownJob } from './job-parameters.js';
import type { LeaderAnswers } from './leader-answers.js';
import { apartFromIndex, minIndexQuery } from './log-index.js';
import { namespaceToApply } from './make-namespace.js';
import type { Route, RouteRequest } from './route.js';
import { apiRoutes } from './routes.js';
import { unknownNamespace } from './unknown-namespace.js';

/** Which namespace a request is about, and the request as that namespace's route takes it. */
type Directed =
  { kind: 'one'; served: ServedNamespace; request: RouteRequest } | { kind: 'all' } | ProblemAnswer;

export function routesByNamespace(served: ServedNamespaces, leaders: LeaderAnswers): Route[] {
  const routes = new WeakMap<ServedNamespace, ReadonlyMap<string, Route>>();
  const routeOf = (namespace: ServedNamespace, { method, url }: Route): Route => {
    let own = routes.get(namespace);
    if (own === undefined) {
      own = new Map(apiRoutes(namespace.context).map((route) => [`${route.method} ${route.url}`, route]));
      routes.set(namespace, own);
    }
    return own.get(`${method} ${url}`)!;
  };
  return apiRoutes(served.default.context).map((declared) => ({
    ...declared,
    ...documentedQuery(declared),
    async serve(given, signal) {
      const parted = apartFromIndex(partsOf(given));
      if (parted.kind === 'problem') return parted;
      const { request, minIndex } = parted;
      const maker = await makerOf(served, declared, request);
      const made = maker && (await leaders.fromElsewhere(maker, request, signal));
      if (made !== undefined) return made;
      const directed = await direct(served, declared, request, signal);
      if (directed.kind === 'problem') return directed;
      if (directed.kind === 'one') {
        const { leader } = directed.served;
        const asked = {
          leader,
          route: routeOf(directed.served, declared),
          request: directed.request,
          minIndex,
        };
        return declared.method === 'GET' ? leaders.show(asked, signal) : leaders.act(asked, signal);
      }
      await served.known();
      const lists = served.all.map(
        (namespace) => [namespace.identity.number, routeOf(namespace, declared)] as const,
      );
      return listAllJobs(new Map(lists), request, signal);
    },
  }));
}

function direct(
  served: ServedNamespaces,
  { namespaceBy, method }: Route,
  request: RouteRequest,
  signal: AbortSignal,
): Promise<Directed> {
  const body = request.body as { namespace?: unknown; spec?: { namespace?: unknown } } | null | undefined;
  switch (namespaceBy) {
    case 'job':
      return byJob(served, request);
    case 'name': {
      const { name } = request.params as { name: string };
      return method === 'PUT'
        ? toApply(served, name, request, signal)
        : byName(served, name, 'path.name', request);
    }
    case 'body':
      return byName(served, body?.namespace, 'namespace', request);
    case 'spec':
      return byName(served, body?.spec?.namespace, 'spec.namespace', request);
    case 'list': {
      const { name, rest } = apartFromNamespace(request);
      return name === undefined
        ? Promise.resolve({ kind: 'all' })
        : byName(served, name, 'query.namespace', rest);
    }
    case 'instance':
      return Promise.resolve({ kind: 'one', served: served.default, request });
  }
}

async function toApply(
  served: ServedNamespaces,
  name: string,
  request: RouteRequest,
  signal: AbortSignal,
): Promise<Directed> {
  const found = await namespaceToApply(served, name, request, signal);
  return found.kind === 'problem' ? found : { ...found, request };
}

/** @param name whatever stands there; the route itself says what is wrong with it if it is no name */
async function byName(
  served: ServedNamespaces,
  name: unknown,
  path: string,
  request: RouteRequest,
): Promise<Directed> {
  if (typeof name !== 'string') return { kind: 'one', served: served.default, request };
  const found = await served.find(name);
  return found === undefined ? unknownNamespace(served, name, path) : { kind: 'one', served: found, request };
}

/** (2) */
async function byJob(served: ServedNamespaces, given: RouteRequest): Promise<Directed> {
  const { id } = given.params as { id: string };
  const { name, rest } = apartFromNamespace(given);
  if (id === 'last' && name === undefined) return newestOfAll(served, rest);
  const job = parseJobId(id);
  if (id === 'last' || job === undefined) return byName(served, name, 'query.namespace', rest);
  const found = await served.withNumber(namespaceNumberOf(job));
  return found === undefined ? unknownJob(id) : { kind: 'one', served: found, request: rest };
}

async function newestOfAll(served: ServedNamespaces, request: RouteRequest): Promise<Directed> {
  await served.known();
  if (served.all.length === 1) return { kind: 'one', served: served.default, request };
  let newest: { served: ServedNamespace; job: number; acceptedAtMs: number } | undefined;
  for (const one of served.all) {
    const found = await newestJob(one.context);
    if (found.kind === 'lost') return storeUnavailable(one.leader);
    if (found.kind === 'none' || found.acceptedAtMs < (newest?.acceptedAtMs ?? -1)) continue;
    newest = { served: one, job: found.job, acceptedAtMs: found.acceptedAtMs };
  }
  if (newest === undefined) return { kind: 'one', served: served.default, request };
  const params = { ...(request.params as object), id: formatJobId(newest.job) };
  return { kind: 'one', served: newest.served, request: { ...request, params } };
}

/** By themselves: those of a request as it is served can't be copied with it. */
function partsOf({ method, url, params, query, body, headers }: RouteRequest): RouteRequest {
  return { method, url, params, query, body, headers };
}

/** Who makes a namespace that isn't there yet: the leader of `default`. Undefined where none is to be made. */
async function makerOf(
  served: ServedNamespaces,
  { namespaceBy, method }: Route,
  { params }: RouteRequest,
): Promise<Leader | undefined> {
  if (namespaceBy !== 'name' || method !== 'PUT') return undefined;
  const found = await served.find((params as { name: string }).name);
  return found === undefined ? served.default.leader : undefined;
}

/** The namespace of the query, and the request without it. */
function apartFromNamespace(request: RouteRequest): { name: unknown; rest: RouteRequest } {
  const { namespace: name, ...query } = (request.query ?? {}) as Record<string, unknown>;
  return { name, rest: { ...request, query } };
}

const namespaceOfLast = z.string().optional().describe('Where `last` is looked for; without it everywhere');
const namespaceOfList = z.string().optional().describe('Only jobs of this namespace');

/** The query as it is documented: with the namespace, which the route itself doesn't see. */
function documentedQuery({ method, namespaceBy, query }: Route): Pick<Route, 'query'> {
  const isAboutJobs = namespaceBy === 'job' || namespaceBy === 'list';
  const added = {
    ...(isAboutJobs && { namespace: namespaceBy === 'job' ? namespaceOfLast : namespaceOfList }),
    ...(method === 'GET' && { 'min-index': minIndexQuery }),
  };
  if (Object.keys(added).length === 0) return {};
  return { query: query instanceof z.ZodObject ? query.extend(added) : z.strictObject(added) };
}
