/**
 * Asks the dispatcher to let a job go on, and gives it credentials when it says that it needs them (V5), or when the user
 * offers some outright: then to correct those that it has.
 */
import type { JobDocument, SealedCredentials, VerbResponse } from '@pogo/protocol';
import type { Dispatcher, VerbRequests } from '../api/dispatcher.js';
import { failed, type Result } from '../failure.js';
import { explainRefusal } from './verb-refusal.js';

/** Verbs that need the job's credentials. */
export type CredentialedVerb = 'resume' | 'retry' | 'resolve';

export interface VerbApplication<V extends CredentialedVerb> {
  readonly dispatcher: Dispatcher;
  readonly job: JobDocument;
  readonly verb: V;
  readonly request: VerbRequests[V];
  /** Whether the user offers credentials outright. */
  readonly offered: boolean;
  /** For whoever can run the job at the time. */
  seal(): Promise<Result<SealedCredentials>>;
}

/** Workers may come and go between sealing and the dispatcher's look at it. */
const maxSeals = 3;
const needed = ['credentials-needed', 'credentials-missing'];

export async function applyVerb<V extends CredentialedVerb>(
  application: VerbApplication<V>,
): Promise<Result<VerbResponse>> {
  const { dispatcher, job, verb, request, offered, seal } = application;
  if (!offered) {
    const plain = await dispatcher.act(job.id, verb, request);
    if (plain.ok) return plain;
    if (!needed.includes(plain.failure.code)) return failed(explainRefusal(plain.failure, verb, job.id));
  }
  for (let seals = 1; ; seals++) {
    const credentials = await seal();
    if (!credentials.ok) return credentials;
    const applied = await dispatcher.act(job.id, verb, { ...request, credentials: credentials.value });
    if (applied.ok) return applied;
    if (applied.failure.code === 'recipients-changed' && seals < maxSeals) continue;
    return failed(explainRefusal(applied.failure, verb, job.id));
  }
}
