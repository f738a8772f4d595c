/**
 * The dispatchers of one instance, any of which can be asked anything.
 *
 * 1. The one that answered last is asked first, the others after it in their order. One that refuses the connection, can't
 *    be reached within a few seconds, or says that it can't just now, is passed over.
 * 2. A request that may have been received goes to the next only if it may be carried out twice: nothing happens twice.
 * 3. Once all were asked, they are asked again after a while, as long as (2) allows: leadership moves within seconds. A single
 *    dispatcher is asked once, and what it says is passed on.
 * 4. Whatever was seen at one is seen at every other (seen-log.ts).
 * 5. What is read from one that no longer answers breaks off once another does: who reads goes on there.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { backoffDelayMs, type Clock, delay } from '@pogo/lifecycle';
import { type Failure } from '../failure.js';
import { type ApiRequest, Connection } from './connection.js';
import { dispatcherUrls } from './dispatcher-urls.js';
import { problemCode } from './problem-failure.js';
import type { Access } from './profile.js';
import { readBody } from './read-body.js';
import { SeenLog } from './seen-log.js';
import { doubtfulFailure, type Tried, unansweredFailure } from './unanswered.js';

export interface Question extends Omit<ApiRequest, 'connectMs'> {
  /** Carried out twice it does no more than once. */
  readonly repeatable: boolean;
  /** The body of a success is left to the caller, who reads it as it comes. */
  readonly streams?: true;
  /** Asked of each once: the caller has a patience of its own. */
  readonly once?: true;
}

export type Reply =
  | {
      readonly kind: 'whole';
      readonly url: string;
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly body: Buffer;
    }
  | { readonly kind: 'stream'; readonly url: string; readonly message: IncomingMessage }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** The environment's. */
export interface Time {
  readonly clock: Clock;
  random(): number;
}

/** What one of them said, and after how long. */
export interface Asked {
  readonly url: string;
  readonly reply: Reply;
  readonly roundTripMs: number;
}

interface Member {
  readonly connection: Connection;
  /** What is being read from it. */
  readonly streams: Set<IncomingMessage>;
}

/** What a dispatcher says that can't do it just now, or whose leader went silent; the first has done nothing. */
const unableCodes = ['not-ready', 'store-unavailable', 'leader-broke-off'];
const unableStatuses = [502, 503];
const nothingDoneCodes = ['not-ready'];

/** In the first round; twice as long in each further one, since a loaded machine is slow to answer. */
const firstConnectMs = 2000;
const maxConnectMs = 30_000;
const backoff = { firstMs: 200, maxMs: 2000 };
/** How long they are asked again: while one of them says that it can't just now, and while none is there. */
const patienceMs = { unable: 30_000, unreachable: 5000 };

export class DispatcherList {
  readonly #members: readonly Member[];
  readonly #time: Time;
  readonly #seen = new SeenLog();
  /** The one that answered last. */
  #current = 0;

  constructor({ profile, token }: Access, time: Time) {
    const { linkRoot } = profile;
    this.#members = dispatcherUrls(profile).map((url) => ({
      connection: new Connection({ url, linkRoot, token, clock: time.clock }),
      streams: new Set(),
    }));
    this.#time = time;
  }

  /** Of the one that answered last. */
  get url(): string {
    return this.#members[this.#current]!.connection.url;
  }

  get urls(): string[] {
    return this.#members.map(({ connection }) => connection.url);
  }

  /** Begins to open a connection for a later request. */
  warm(): void {
    this.#members[this.#current]!.connection.warm();
  }

  close(): void {
    for (const { connection } of this.#members) connection.close();
  }

  async ask(question: Question): Promise<Reply> {
    const { clock } = this.#time;
    const startMs = clock.monotonicMs();
    for (let round = 0; ; round++) {
      const tried: Tried[] = [];
      for (const member of this.#inOrder()) {
        const reply = await this.#askOne(member, question, round);
        if (!('cause' in reply)) {
          this.#answered(member, tried);
          return reply;
        }
        tried.push(reply);
        if (question.signal?.aborted === true) return failedReply(unansweredFailure(tried));
        if (!question.repeatable && !surelyNotDone(reply)) return failedReply(doubtfulFailure(tried));
      }
      const unable = tried.some(({ kind }) => kind === 'unable');
      const patience = unable ? patienceMs.unable : patienceMs.unreachable;
      const alone = this.#members.length === 1;
      if (alone || question.once === true || clock.monotonicMs() - startMs > patience) {
        return failedReply(unansweredFailure(tried));
      }
      await delay(clock, backoffDelayMs(backoff, round, this.#time.random()), question.signal);
    }
  }

  /** Asks each of them once, all at the same moment; what they said is in their order. */
  async askEach(question: Question): Promise<Asked[]> {
    const { clock } = this.#time;
    const startMs = clock.monotonicMs();
    const asked = await Promise.all(
      this.#members.map(async (member) => {
        const said = await this.#askOne(member, question, 0);
        const reply = 'cause' in said ? failedReply(unansweredFailure([said])) : said;
        return { url: member.connection.url, reply, roundTripMs: clock.monotonicMs() - startMs };
      }),
    );
    const first = asked.findIndex(({ reply }) => reply.kind !== 'failed');
    if (first >= 0) this.#current = first;
    return asked;
  }

  #inOrder(): Member[] {
    return [...this.#members.slice(this.#current), ...this.#members.slice(0, this.#current)];
  }

  #answered(member: Member, tried: readonly Tried[]): void {
    const silent = tried.flatMap(({ kind, url }) => (kind === 'unreachable' ? [url] : []));
    for (const { connection, streams } of this.#members) {
      if (silent.includes(connection.url)) for (const message of streams) message.destroy();
    }
    this.#current = this.#members.indexOf(member);
  }

  async #askOne(member: Member, question: Question, round: number): Promise<Reply | Tried> {
    const { connection, streams } = member;
    const { url } = connection;
    const alone = this.#members.length === 1;
    const connectMs = Math.min(firstConnectMs * 2 ** round, maxConnectMs);
    const path = question.method === 'GET' ? this.#seen.pathAt(question.path, url) : question.path;
    const response = await connection.request({ ...question, path, ...(!alone && { connectMs }) });
    if (response.kind !== 'response') return { ...response, url };
    const { message } = response;
    this.#seen.note(question.path, url, message.headers);
    const status = message.statusCode ?? 0;
    if (question.streams === true && isSuccess(status)) {
      streams.add(message);
      message.once('close', () => streams.delete(message));
      return { kind: 'stream', url, message };
    }
    const body = await readBody(message);
    if (body === undefined) {
      return { kind: 'unreachable', url, cause: 'its answer broke off', mayHaveArrived: true };
    }
    const unable = alone || !unableStatuses.includes(status) ? undefined : inability(body);
    return unable === undefined
      ? { kind: 'whole', url, status, headers: message.headers, body }
      : { kind: 'unable', url, ...unable };
  }
}

export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function failedReply(failure: Failure): Reply {
  return { kind: 'failed', failure };
}

/** (2) */
function surelyNotDone(tried: Tried): boolean {
  switch (tried.kind) {
    case 'untrusted':
      return true;
    case 'unreachable':
      return !tried.mayHaveArrived;
    case 'unable':
      return nothingDoneCodes.includes(tried.code);
  }
}

/** What kind of passing inability the problem tells of; undefined when it is about something else. */
function inability(body: Buffer): { code: string; cause: string } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  const { type, detail } = (value ?? {}) as { type?: unknown; detail?: unknown };
  const code = typeof type === 'string' ? problemCode({ type }) : '';
  if (!unableCodes.includes(code)) return undefined;
  return { code, cause: typeof detail === 'string' ? detail : `it answered ${code}` };
}
