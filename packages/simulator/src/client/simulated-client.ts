/**
 * Someone who runs a job: plans, submits until an answer comes, perhaps halts, gives credentials again when they are asked
 * for, and perhaps tries again what went wrong. It never dies, is patient, and tells the checker what it was told.
 */
import type { Explanation, JobDocument, JobSpec, PlanResponse, Recipient } from '@pogo/protocol';
import type { Checker } from '../checker/checker.js';
import type { ApiAnswer, DispatcherMachine } from '../dispatcher/dispatcher-machine.js';
import { hostName } from '../namespaces/namespace-plan.js';
import type { Random } from '../random.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';
import { ApiCaller } from './api-caller.js';

/** What is done with hosts once the job has ended. */
export type Verb =
  | { verb: 'retry'; hosts: string | undefined; fence: boolean }
  | { verb: 'resolve' }
  | { verb: 'release'; hosts: string };

export interface JobPlan {
  key: string;
  startMs: number;
  /** Their numbers, ascending. */
  hosts: readonly number[];
  concurrent: number | null;
  maxFailures: number | null;
  jobTimeoutMs: number;
  commandTimeoutMs: number;
  methods: readonly string[];
  isUnconstrained: boolean;
  /** Hosts of a later app go on where one of an earlier app has failed. */
  goesOnAfterFailure: boolean;
  /** When it is halted, after it was accepted. */
  halt: { afterMs: number; kill: boolean } | undefined;
  /** Whether credentials are given again when they are asked for. */
  resumes: boolean;
  /** One after another, each when the job has ended. */
  afterwards: readonly Verb[];
}

export interface SimulatedClientOptions {
  plan: JobPlan;
  dispatchers: readonly DispatcherMachine[];
  time: VirtualTime;
  trace: Trace;
  random: Random;
  checker: Checker;
  /** Whether the client of a submission that got no answer is told, for certain, that nothing came of it: a planted bug. */
  isToldNo: (key: string) => boolean;
}

const ended = ['succeeded', 'failed', 'halted', 'deadlocked', 'expired'];

export class SimulatedClient {
  readonly #options: SimulatedClientOptions;
  readonly #caller: ApiCaller;
  readonly #afterwards: Verb[];
  isDone = false;

  constructor(options: SimulatedClientOptions) {
    this.#options = options;
    this.#caller = new ApiCaller({
      ...options,
      name: `client ${options.plan.key}`,
      given: (url, answer) => this.#given(url, answer),
    });
    this.#afterwards = [...options.plan.afterwards];
    options.time.schedule(options.plan.startMs, () => this.#plan());
  }

  calm(): void {
    this.#caller.isNetworkCalm = true;
  }

  #plan(): void {
    const { plan } = this.#options;
    const body = {
      version: 1,
      namespace: 'default',
      targets: plan.hosts.map(hostName).join(','),
      command: { kind: 'argv', argv: ['true'] },
      user: 'root',
      port: 22,
      auth: { methods: plan.methods },
      hostKeys: { policy: 'strict', known: [] },
      timeouts: { connectMs: 5000, handshakeMs: 5000, commandMs: plan.commandTimeoutMs },
      environment: {},
      limits: {
        concurrent: plan.concurrent === null ? null : String(plan.concurrent),
        maxFailures: plan.maxFailures === null ? null : String(plan.maxFailures),
        jobTimeoutMs: plan.jobTimeoutMs,
      },
      allowUnknown: true,
      ...(plan.isUnconstrained && { unconstrained: true }),
      ...(plan.goesOnAfterFailure && { onPredecessorFailure: 'continue' }),
    };
    this.#caller.ask('POST', '/v1/plans', { body }, (answer) => {
      if (answer?.status === 200) this.#submit(answer.body as PlanResponse);
      else this.#caller.later(() => this.#plan());
    });
  }

  #submit(planned: PlanResponse): void {
    const { plan, checker, time } = this.#options;
    const { spec, digest, limits, recipients } = planned;
    const body = { spec, digest, limits, credentials: sealedFor(recipients, digest) };
    this.#caller.ask('POST', '/v1/jobs', { body, headers: { 'idempotency-key': plan.key } }, (answer) => {
      if (answer?.status === 202) {
        const job = jobOf(answer);
        if (plan.halt !== undefined) time.schedule(plan.halt.afterMs, () => this.#halt(job));
        this.#watch(job);
      } else if (answer?.status === 503 && this.#options.isToldNo(plan.key)) {
        checker.submissionRefused(plan.key);
        this.isDone = true;
      } else {
        this.#caller.later(() => (answer?.status === 409 ? this.#plan() : this.#submit(planned)));
      }
    });
  }

  #halt(job: number): void {
    const body = { kill: this.#options.plan.halt?.kill ?? false };
    this.#caller.ask('POST', '/v1/jobs/:id/halt', { params: { id: String(job) }, body }, (answer) => {
      if (answer === undefined || answer.status === 503) this.#caller.later(() => this.#halt(job));
    });
  }

  /** Looks now and then how it goes. */
  #watch(job: number): void {
    this.#caller.later(() => {
      this.#caller.ask('GET', '/v1/jobs/:id', { params: { id: String(job) } }, (answer) => {
        const state = answer?.status === 200 ? (answer.body as JobDocument).state : undefined;
        if (state === 'needs-credentials') this.#needed(job);
        else if (state !== undefined && ended.includes(state)) this.#afterEnd(job);
        else if (state === 'running' && this.#options.random.chance(0.2)) this.#explain(job);
        else this.#watch(job);
      });
    });
  }

  /** Asks why hosts wait: every one of them has a reason. */
  #explain(job: number): void {
    const request = { params: { id: String(job) } };
    this.#caller.ask('GET', '/v1/jobs/:id/explanation', request, (answer) => {
      const waiting = answer?.status === 200 ? (answer.body as Explanation).waiting : [];
      if (waiting.some(({ obstacles }) => obstacles.length === 0))
        this.#options.checker.violated(
          'I6',
          `hosts of job ${job} wait for no reason that anybody could tell`,
        );
      this.#watch(job);
    });
  }

  #needed(job: number): void {
    if (!this.#options.plan.resumes) {
      this.isDone = true;
      return;
    }
    this.#withCredentials(job, (credentials) => {
      this.#caller.ask(
        'POST',
        '/v1/jobs/:id/resume',
        { params: { id: String(job) }, body: { credentials } },
        () => this.#watch(job),
      );
    });
  }

  #afterEnd(job: number): void {
    const next = this.#afterwards.shift();
    if (next === undefined) {
      this.isDone = true;
      return;
    }
    if (next.verb === 'release') {
      this.#act(job, next.verb, { hosts: next.hosts });
      return;
    }
    this.#withCredentials(job, (credentials) => {
      if (next.verb === 'resolve') return this.#act(job, next.verb, { credentials });
      this.#options.checker.retryRequested(job);
      const { hosts, fence } = next;
      this.#act(job, next.verb, { credentials, fence, ...(hosts !== undefined && { hosts }) });
    });
  }

  /** Once: what gets no answer, or is refused, stays undone. */
  #act(job: number, verb: Verb['verb'], body: object): void {
    this.#caller.ask('POST', `/v1/jobs/:id/${verb}`, { params: { id: String(job) }, body }, () =>
      this.#watch(job),
    );
  }

  #withCredentials(job: number, act: (credentials: object) => void): void {
    this.#caller.ask('GET', '/v1/jobs/:id/spec', { params: { id: String(job) } }, (answer) => {
      const found = answer?.status === 200 ? (answer.body as JobSpec) : undefined;
      if (found === undefined || found.recipients.length === 0)
        this.#caller.later(() => this.#withCredentials(job, act));
      else act(sealedFor(found.recipients, found.digest));
    });
  }

  /** What is being told must hold now, whether the answer arrives or not (L7). */
  #given(url: string, answer: ApiAnswer | undefined): void {
    const { plan, checker } = this.#options;
    if (answer?.status !== 202) return;
    if (url === '/v1/jobs') checker.submissionAcknowledged(plan.key, jobOf(answer));
    else if (url.endsWith('/halt')) checker.haltAcknowledged(jobOf(answer));
  }
}

function jobOf({ body }: ApiAnswer): number {
  return Number((body as { id: string }).id.slice(1));
}

/** What dispatchers and workers look at of a seal: for whom it is. */
function sealedFor(recipients: readonly Recipient[], digest: string): object {
  return {
    protected: 'simulated',
    iv: 'simulated',
    ciphertext: 'simulated',
    tag: 'simulated',
    aad: Buffer.from(digest).toString('base64url'),
    recipients: recipients.map(({ kid }) => ({
      header: { alg: 'RSA-OAEP-256', kid },
      encrypted_key: 'simulated',
    })),
  };
}
