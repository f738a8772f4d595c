/** Credentials for a job that exists: its spec is fetched and confirmed, then sealed over as when it was submitted (V5). */
import type { Clock } from '@pogo/lifecycle';
import type { JobDocument, JobSpec, SealedCredentials } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { Access } from '../api/profile.js';
import { type Credentials, type CredentialSources, gatherCredentials } from '../credentials/credentials.js';
import type { Prompter } from '../credentials/prompt.js';
import { type Result, success } from '../failure.js';
import { confirmSpec } from './confirm-spec.js';
import type { SubmittedJobs } from './submitted-jobs.js';

export interface RenewOptions {
  readonly clock: Clock;
  readonly dispatcher: Dispatcher;
  readonly access: Access;
  readonly submitted: SubmittedJobs;
  readonly prompter: Prompter;
  /** Whether questions about the spec may be asked. */
  readonly mayAsk: boolean;
  /** Digest that the user gave. */
  readonly expected: string | undefined;
  /** Shows what the job would do with them. */
  show(job: JobDocument, offered: JobSpec): Promise<void>;
  sources(job: Pick<CredentialSources, 'user' | 'runAs' | 'auth' | 'methodsAreFixed'>): CredentialSources;
}

/** Asks once, and seals for whoever can run the job at the time. */
export class CredentialsRenewal {
  readonly #options: RenewOptions;
  #gathered: Credentials | undefined;
  #confirmed: string | undefined;

  constructor(options: RenewOptions) {
    this.#options = options;
    this.#confirmed = options.expected;
  }

  async seal(job: JobDocument): Promise<Result<SealedCredentials>> {
    const { dispatcher, access, clock } = this.#options;
    const offered = await dispatcher.spec(job.id);
    if (!offered.ok) return offered;
    const { spec, digest, recipients } = offered.value;
    const confirmed = await this.#confirm(job, offered.value);
    if (!confirmed.ok) return confirmed;
    this.#confirmed = digest;
    const credentials = await this.#credentials(offered.value);
    if (!credentials.ok) return credentials;
    const { sealCredentials } = await import('../credentials/seal.js');
    return sealCredentials({
      credentials: credentials.value,
      digest,
      lifetimeMs: spec.lifetimeMs,
      recipients,
      sealingRoot: access.profile.sealingRoot,
      nowMs: clock.wallMs(),
    });
  }

  async #confirm(job: JobDocument, offered: JobSpec): Promise<Result<undefined>> {
    const { submitted, prompter, mayAsk, show } = this.#options;
    return confirmSpec({
      job,
      offered,
      remembered: await submitted.digestOf(job.id),
      expected: this.#confirmed,
      prompter: mayAsk ? prompter : undefined,
      show: () => show(job, offered),
    });
  }

  async #credentials({ spec }: JobSpec): Promise<Result<Credentials>> {
    if (this.#gathered !== undefined) return success(this.#gathered);
    const { user, runAs, auth } = spec;
    const sources = this.#options.sources({ user, runAs, auth: auth.methods, methodsAreFixed: true });
    const gathered = await gatherCredentials(sources, this.#options.prompter);
    if (gathered.ok) this.#gathered = gathered.value;
    return gathered;
  }
}
