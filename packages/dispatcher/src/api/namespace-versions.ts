/** `GET /v1/namespaces/:name/versions` and `…/versions/:version`: what was applied, by whom and when. */
import { type AppliedVersion, type ClusterState, keptNamespaceVersions } from '@pogo/core';
import {
  type NamespaceVersionDocument,
  namespaceVersionSchema,
  namespaceVersionsSchema,
} from '@pogo/protocol';
import * as z from 'zod';
import { document, problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { type Route, route } from './route.js';

export function namespaceVersionRoutes({ leader, namespaces }: ApiContext): Route[] {
  return [
    route({
      method: 'GET',
      url: '/v1/namespaces/:name/versions',
      namespaceBy: 'name',
      summary: 'Versions of the namespace file that are kept, the newest first',
      params: z.object({ name: z.string() }),
      responses: {
        200: { description: 'The versions', schema: namespaceVersionsSchema },
        ...problemResponses(401, 404, 503),
      },
      async handle() {
        const found = await leader.view(({ constraints }) =>
          constraints.versions.map((applied) => shown(applied, constraints)).reverse(),
        );
        if (found.kind === 'lost') return storeUnavailable(leader);
        return document({ versions: found.answer, kept: keptNamespaceVersions });
      },
    }),
    route({
      method: 'GET',
      url: '/v1/namespaces/:name/versions/:version',
      namespaceBy: 'name',
      summary: 'One version of the namespace file',
      params: z.object({ name: z.string(), version: z.coerce.number().int().min(1) }),
      responses: {
        200: { description: 'The version, with its file', schema: namespaceVersionSchema },
        ...problemResponses(400, 401, 404, 503),
      },
      async handle({ params: { name, version } }) {
        const found = await leader.view(({ constraints }) => {
          const { versions } = constraints;
          const applied = versions.find((one) => one.version === version);
          return applied === undefined
            ? { kept: keptText(versions) }
            : { ref: applied.ref, applied: shown(applied, constraints) };
        });
        if (found.kind === 'lost') return storeUnavailable(leader);
        const { answer } = found;
        if (answer.ref === undefined)
          return problem('unknown-version', `There is no version ${version} here: ${answer.kept}.`);
        const { text } = await namespaces.read(answer.ref);
        const response: NamespaceVersionDocument = { name, ...answer.applied, text };
        return document(response);
      },
    }),
  ];
}

function shown({ version, by, atMs }: AppliedVersion, constraints: ClusterState['constraints']) {
  return {
    version,
    inForce: version === constraints.version,
    ...(by !== undefined && { appliedBy: by }),
    ...(atMs !== undefined && { appliedAtMs: atMs }),
  };
}

function keptText(versions: readonly AppliedVersion[]): string {
  const [oldest, newest] = [versions[0], versions.at(-1)];
  if (oldest === undefined || newest === undefined) return 'no file was applied yet';
  if (oldest === newest) return `only version ${oldest.version} is kept`;
  return `versions ${oldest.version} to ${newest.version} are kept`;
}
