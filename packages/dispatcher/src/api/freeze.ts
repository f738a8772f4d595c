/** `POST /v1/namespaces/:name/freeze` and `thaw`: nothing new starts in any job, or in one slot, until it is lifted. */
import { type ClusterState, decideFreeze, decideThaw, type FreezeDecision } from '@pogo/core';
import { freezeRequestSchema, namespaceSchema, thawRequestSchema } from '@pogo/protocol';
import { namespaceDocument } from '../namespaces/namespace-view.js';
import { type Answer, document, problem, storeUnavailable } from './answer.js';
import type { ApiContext } from './context.js';
import { problemResponses } from './documented-problems.js';
import { namespaceEtag, namespaceParams } from './namespaces.js';
import { type Route, route } from './route.js';

const responses = {
  200: { description: 'Durable; the namespace as it is now', schema: namespaceSchema },
  ...problemResponses(400, 401, 404, 503),
};

export function freezeRoutes(context: ApiContext): Route[] {
  const by = context.principal;
  return [
    route({
      method: 'POST',
      url: '/v1/namespaces/:name/freeze',
      namespaceBy: 'name',
      summary: 'Freeze the namespace, or one slot of it',
      description:
        'Nothing new starts until it is thawed, also of jobs that pass over the limits; what has an order goes on, and timeouts run. What is frozen already stays as it was frozen first.',
      params: namespaceParams,
      body: freezeRequestSchema,
      responses,
      handle: ({ params: { name }, body: { slot, note } }) =>
        decided(context, name, (state) => decideFreeze(state, { slot, by, note })),
    }),
    route({
      method: 'POST',
      url: '/v1/namespaces/:name/thaw',
      namespaceBy: 'name',
      summary: 'Lift a freeze',
      description: 'Of the slot, or without one of the namespace. What is not frozen stays so.',
      params: namespaceParams,
      body: thawRequestSchema,
      responses,
      handle: ({ params: { name }, body: { slot } }) =>
        decided(context, name, (state) => decideThaw(state, { slot, by })),
    }),
  ];
}

async function decided(
  context: ApiContext,
  name: string,
  decide: (state: ClusterState) => FreezeDecision,
): Promise<Answer> {
  const { leader } = context;
  const outcome = await leader.command((state) => {
    const decision = decide(state);
    return { entries: decision.kind === 'decided' ? decision.entries : [], answer: decision };
  });
  if (outcome.kind === 'lost') return storeUnavailable(leader);
  if (outcome.answer.kind === 'unknown-slot') {
    const { slot } = outcome.answer;
    return problem(
      'unknown-slot',
      `The namespace has no slot ${JSON.stringify(slot)}: slots are apps with a limit, such as frontend@coast=east; GET /v1/namespaces/${name} lists them.`,
      { errors: [{ path: 'slot', message: 'no such slot' }] },
    );
  }
  const shown = await leader.read((state) => namespaceDocument(state, name));
  if (shown.kind === 'lost') return storeUnavailable(leader);
  return document(shown.answer, 200, namespaceEtag(shown.answer.version));
}
