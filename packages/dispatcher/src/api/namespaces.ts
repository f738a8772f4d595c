/** `GET` and `PUT /v1/namespaces/:name`, what is known about its hosts, and what keeps a job's hosts waiting. */
import {
  applyNamespaceRequestSchema,
  explanationSchema,
  type FileProblem,
  formatFileProblem,
  hostInformationSchema,
  maxNamespaceFileBytes,
  namespaceSchema,
} from '@pogo/protocol';
import * as z from 'zod';
import { viewJob } from '../jobs/job-view.js';
import { applyNamespace } from '../namespaces/apply-namespace.js';
import { explanation, knownHost, namespaceDocument } from '../namespaces/namespace-view.js';
import { placeTargets } from '../namespaces/place-targets.js';
import { type Answer, document, problem, type ProblemAnswer, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { jobParams, lookupProblem } from './job-parameters.js';
import { type Route, route } from './route.js';
import { targetProblem } from './target-problem.js';

export const namespaceParams = z.object({ name: z.string() });
const shownProblems = 100;

export function namespaceRoutes(context: ApiContext): Route[] {
  const { leader, namespaces } = context;
  return [
    route({
      method: 'GET',
      url: '/v1/namespaces/:name',
      namespaceBy: 'name',
      summary: 'The namespace: its file, its slots and how much of each is in use',
      params: namespaceParams,
      responses: {
        200: { description: 'The version in force', schema: namespaceSchema },
        ...problemResponses(401, 404, 503),
      },
      async handle({ params: { name } }) {
        const found = await leader.view((state) => ({
          ref: state.constraints.ref,
          shown: namespaceDocument(state, name),
        }));
        if (found.kind === 'lost') return storeUnavailable(leader);
        const { ref, shown } = found.answer;
        const text = ref === undefined ? undefined : (await namespaces.read(ref)).text;
        return document({ ...shown, ...(text !== undefined && { text }) }, 200, namespaceEtag(shown.version));
      },
    }),
    route({
      method: 'PUT',
      url: '/v1/namespaces/:name',
      namespaceBy: 'name',
      summary: 'Apply a version of the namespace file',
      description:
        'Checked as a whole first: a file with a problem changes nothing. Its limits hold for what is decided from then on; nothing that runs is disturbed. With `If-Match: "VERSION"` only if that version is in force. A namespace that does not exist is made with `If-None-Match: *`, and with that alone.',
      params: namespaceParams,
      headers: z.object({ 'if-match': z.string().optional(), 'if-none-match': z.string().optional() }),
      body: applyNamespaceRequestSchema,
      bodyLimitBytes: 2 * maxNamespaceFileBytes,
      responses: {
        200: { description: 'Applied; the version in force', schema: namespaceSchema },
        ...problemResponses(400, 401, 404, 409, 412, 413, 422, 503),
      },
      async handle({ params: { name }, body, headers }) {
        const expected = expectedVersion(headers['if-match']);
        if (expected === 'invalid') {
          return problem('invalid-request', 'If-Match: a version in quotes, such as "3".', {
            errors: [{ path: 'if-match', message: 'not a version in quotes' }],
          });
        }
        const outcome = await applyNamespace(context, body, expected);
        switch (outcome.kind) {
          case 'lost':
            return storeUnavailable(outcome.leader ?? leader);
          case 'changed':
            return problem(
              'namespace-changed',
              `Version ${outcome.version} is in force: look at what it changed, then apply again.`,
            );
          case 'invalid':
            return namespaceInvalid(outcome.problems, 'The version in force stays.');
          case 'applied': {
            const shown = await leader.read((state) => namespaceDocument(state, name));
            if (shown.kind === 'lost') return storeUnavailable(leader);
            return document(shown.answer, 200, namespaceEtag(shown.answer.version));
          }
        }
      },
    }),
    route({
      method: 'GET',
      url: '/v1/namespaces/:name/hosts',
      namespaceBy: 'name',
      summary: 'What is known about hosts: groups, slots, who counts on them',
      params: namespaceParams,
      query: z.strictObject({
        targets: z.string().min(1),
        limit: z.coerce.number().int().min(1).max(10_000).default(1000),
      }),
      responses: {
        200: { description: 'In the order of the targets', schema: hostInformationSchema },
        ...problemResponses(400, 401, 404, 503),
      },
      async handle({ query: { targets, limit } }) {
        const found = await leader.view((state): Answer => {
          const { namespace } = state.constraints;
          const placed = placeTargets(targets, { namespace, allowUnknown: true });
          if (placed.kind === 'target-error') return targetProblem(targets, placed.error);
          const hosts = placed.kind === 'placed' ? placed.targets : [];
          return document({
            hosts: hosts.slice(0, limit).map(({ host }) => knownHost(state, host)),
            more: Math.max(0, hosts.length - limit),
          });
        });
        return found.kind === 'lost' ? storeUnavailable(leader) : found.answer;
      },
    }),
    route({
      method: 'GET',
      url: '/v1/jobs/:id/explanation',
      namespaceBy: 'job',
      summary: "What keeps a job's hosts waiting",
      params: jobParams,
      responses: {
        200: { description: 'Hosts that wait for the same things together', schema: explanationSchema },
        ...problemResponses(401, 404, 409, 503),
      },
      async handle({ params: { id } }) {
        const viewed = await viewJob(context, id);
        if (viewed.kind !== 'found') return lookupProblem(viewed, id, leader);
        const { job, hosts } = viewed.view;
        const found = await leader.view((state) => {
          const record = state.jobs.get(job);
          return record && explanation(state, record, hosts, context.registry);
        });
        if (found.kind === 'lost') return storeUnavailable(leader);
        if (found.answer !== undefined) return document(found.answer);
        const ended = viewed.view.archived?.document;
        if (ended?.deadlock !== undefined) {
          return document({ job: ended.id, state: ended.state, deadlock: ended.deadlock, waiting: [] });
        }
        return problem('job-ended', `${id} has ended and is archived: nothing of it waits.`);
      },
    }),
  ];
}

/** @param consequence what comes of it, as a sentence */
export function namespaceInvalid(problems: readonly FileProblem[], consequence: string): ProblemAnswer {
  const others = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  return problem('namespace-invalid', `${formatFileProblem(problems[0]!)}${others}. ${consequence}`, {
    errors: problems.slice(0, shownProblems).map(({ line, column, message, code }) => ({
      path: `${line}:${column}`,
      message: `${message} [${code}]`,
    })),
  });
}

export function namespaceEtag(version: number): Record<string, string> {
  return { etag: `"${version}"` };
}

function expectedVersion(header: string | string[] | undefined): number | undefined | 'invalid' {
  if (header === undefined) return undefined;
  const match = typeof header === 'string' ? /^"(\d{1,9})"$/.exec(header.trim()) : null;
  return match === null ? 'invalid' : Number(match[1]);
}
