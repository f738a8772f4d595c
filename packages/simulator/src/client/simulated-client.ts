/**
 * Someone who runs a job: plans, submits until an answer comes, perhaps halts, gives credentials again when they are asked
 * for, and perhaps tries again what went wrong. It never dies, is patient, and tells the checker what it was told.
 */
import type { JobDocument, JobSpec, PlanResponse, Recipient } from '@pogo/protocol';
import type { Checker } from '../checker/checker.js';
import type { ApiAnswer, ApiRequest, DispatcherMachine } from '../dispatcher/dispatcher-machine.js';
import type { Random } from '../random.js';
import type { Trace } from '../trace.js';
import type { VirtualTime } from '../virtual-time.js';

/** What is done with hosts once the job has ended. */
export type Verb =
  | { verb: 'retry'; hosts: string | undefined; fence: boolean }
  | { verb: 'resolve' }
  | { verb: 'release'; hosts: string };

export interface JobPlan {
  key: string;
  startMs: number;
  targets: string;
  concurrent: number | null;
  maxFailures: number | null;
  jobTimeoutMs: number;
  commandTimeoutMs: number;
  methods: readonly string[];
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

const answerLimitMs = 15_000;
const ended = ['succeeded', 'failed', 'halted', 'deadlocked', 'expired'];

export class SimulatedClient {
  readonly #options: SimulatedClientOptions;
  readonly #afterwards: Verb[];
  /** Requests may get lost until then. */
  isNetworkCalm = false;
  isDone = false;

  constructor(options: SimulatedClientOptions) {
    this.#options = options;
    this.#afterwards = [...options.plan.afterwards];
    options.time.schedule(options.plan.startMs, () => this.#plan());
  }

  #plan(): void {
    const { plan } = this.#options;
    const body = {
      version: 1,
      namespace: 'default',
      targets: plan.targets,
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
    };
    this.#ask('POST', '/v1/plans', { body }, (answer) => {
      if (answer?.status === 200) this.#submit(answer.body as PlanResponse);
      else this.#later(() => this.#plan());
    });
  }

  #submit(planned: PlanResponse): void {
    const { plan, checker, time } = this.#options;
    const { spec, digest, limits, recipients } = planned;
    const body = { spec, digest, limits, credentials: sealedFor(recipients, digest) };
    this.#ask('POST', '/v1/jobs', { body, headers: { 'idempotency-key': plan.key } }, (answer) => {
      if (answer?.status === 202) {
        const job = jobOf(answer);
        if (plan.halt !== undefined) time.schedule(plan.halt.afterMs, () => this.#halt(job));
        this.#watch(job);
      } else if (answer?.status === 503 && this.#options.isToldNo(plan.key)) {
        checker.submissionRefused(plan.key);
        this.isDone = true;
      } else {
        this.#later(() => (answer?.status === 409 ? this.#plan() : this.#submit(planned)));
      }
    });
  }

  #halt(job: number): void {
    const body = { kill: this.#options.plan.halt?.kill ?? false };
    this.#ask('POST', '/v1/jobs/:id/halt', { params: { id: String(job) }, body }, (answer) => {
      if (answer === undefined || answer.status === 503) this.#later(() => this.#halt(job));
    });
  }

  /** Looks now and then how it goes. */
  #watch(job: number): void {
    this.#later(() => {
      this.#ask('GET', '/v1/jobs/:id', { params: { id: String(job) } }, (answer) => {
        const state = answer?.status === 200 ? (answer.body as JobDocument).state : undefined;
        if (state === 'needs-credentials') this.#needed(job);
        else if (state !== undefined && ended.includes(state)) this.#afterEnd(job);
        else this.#watch(job);
      });
    });
  }

  #needed(job: number): void {
    if (!this.#options.plan.resumes) {
      this.isDone = true;
      return;
    }
    this.#withCredentials(job, (credentials) => {
      this.#ask('POST', '/v1/jobs/:id/resume', { params: { id: String(job) }, body: { credentials } }, () =>
        this.#watch(job),
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
    this.#ask('POST', `/v1/jobs/:id/${verb}`, { params: { id: String(job) }, body }, () => this.#watch(job));
  }

  #withCredentials(job: number, act: (credentials: object) => void): void {
    this.#ask('GET', '/v1/jobs/:id/spec', { params: { id: String(job) } }, (answer) => {
      const found = answer?.status === 200 ? (answer.body as JobSpec) : undefined;
      if (found === undefined || found.recipients.length === 0)
        this.#later(() => this.#withCredentials(job, act));
      else act(sealedFor(found.recipients, found.digest));
    });
  }

  #later(act: () => void): void {
    const { time, random } = this.#options;
    time.schedule(random.spread(100, 3000), act);
  }

  /** One request to some dispatcher; the answer, or that none came in time. */
  #ask(
    method: string,
    url: string,
    request: ApiRequest,
    done: (answer: ApiAnswer | undefined) => void,
  ): void {
    const { time, trace, random, dispatchers, plan } = this.#options;
    let isOver = false;
    const finish = (answer: ApiAnswer | undefined) => {
      if (isOver) return;
      isOver = true;
      limit.cancel();
      trace.add(`client ${plan.key}`, `${method} ${url}: ${answer?.status ?? 'no answer'}`);
      done(answer);
    };
    const limit = time.schedule(answerLimitMs, () => finish(undefined));
    const dispatcher = random.pick(dispatchers);
    time.schedule(random.spread(0.5, 20), () => {
      if (!this.isNetworkCalm && random.chance(0.03)) return;
      dispatcher.request(method, url, request, (answer) => {
        this.#given(url, answer);
        if (!this.isNetworkCalm && random.chance(0.05)) return;
        time.schedule(random.spread(0.5, 20), () => finish(answer));
      });
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
