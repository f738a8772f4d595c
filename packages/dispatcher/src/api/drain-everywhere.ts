/**
 * A drain is told to every namespace by whoever leads it: what is led here is told here, and each other leader gets the request
 * once, and tells what it leads. A request that was handed on is not handed on again.
 */
import type { Readable } from 'node:stream';
import { type DrainResponse, drainResponseSchema, type WorkerDocument } from '@pogo/protocol';
import { forwardedHeader } from '../peers/request-forwarder.js';
import { type Answer, document, storeUnavailable } from './answer.js';
import type { InstanceContext } from './instance-routes.js';
import type { Route, RouteRequest } from './route.js';

type Context = Pick<InstanceContext, 'served' | 'leaders'>;

/** @param told the route that tells what is led here */
export function drainEverywhere(context: Context, told: Route, isDrain: boolean): Route {
  return {
    ...told,
    async serve(request, signal) {
      const here = await told.serve(request, signal);
      if (here.kind !== 'document' || request.headers[forwardedHeader] !== undefined) return here;
      const namespaces = await context.served.known();
      const { worker, untold } = await tellOthers(context, told, here.body as DrainResponse, request, signal);
      if (untold.length === namespaces.length) return storeUnavailable(context.served.default.leader);
      return document({ worker: withDrain(worker, isDrain, untold), untold } satisfies DrainResponse);
    },
  };
}

async function tellOthers(
  { served, leaders }: Context,
  told: Route,
  here: DrainResponse,
  request: RouteRequest,
  signal: AbortSignal,
): Promise<DrainResponse> {
  let { worker, untold } = here;
  for (const { identity, leader } of await served.known()) {
    if (!untold.includes(identity.name)) continue;
    await leaders.known(leader, signal);
    // Who leads it may have changed since it was asked here; saying the same again changes nothing.
    const answer =
      (await leaders.fromElsewhere(leader, request, signal)) ?? (await told.serve(request, signal));
    const there = await readAnswer(answer);
    if (there === undefined) continue;
    untold = untold.filter((name) => there.untold.includes(name));
    // What was just written there may not have come back through the log to this dispatcher.
    worker = {
      ...worker,
      ...(worker.drain === undefined && there.worker.drain && { drain: there.worker.drain }),
    };
  }
  return { worker, untold };
}

/** What the namespaces were told, whatever of it can be read here already. */
function withDrain(worker: WorkerDocument, isDrain: boolean, untold: readonly string[]): WorkerDocument {
  const { drain, ...rest } = worker;
  if (drain === undefined || (!isDrain && untold.length === 0)) return rest;
  const { notIn: _known, ...said } = drain;
  if (!isDrain) return worker;
  return { ...rest, drain: { ...said, ...(untold.length > 0 && { notIn: [...untold] }) } };
}

/** Undefined where it is something else, or another dispatcher broke off. */
async function readAnswer(answer: Answer): Promise<DrainResponse | undefined> {
  if (answer.kind === 'document') return answer.body as DrainResponse;
  if (answer.kind !== 'stream') return undefined;
  const text = await readText(answer.body);
  if (answer.status !== 200 || text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return drainResponseSchema.safeParse(value).data;
}

async function readText(body: Readable): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Buffer);
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}
