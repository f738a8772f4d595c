/**
 * Follows a job's events and output to their ends.
 *
 * 1. Nothing is lost and nothing comes twice, whatever connections break: events go on behind the last id seen, and of
 *    output that is sent again only bytes beyond each stream's position are passed on.
 * 2. Reading goes no faster than the taker takes.
 */
import { isEnded } from '@pogo/core';
import { type Clock, delay } from '@pogo/lifecycle';
import type { JobEventDocument, OutputLine } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { Result } from '../failure.js';
import { followStream } from './follow-stream.js';

/** A piece of one host's stream, in order, each byte once. */
export interface OutputPiece {
  readonly host: string;
  readonly attempt: number;
  readonly stream: 'stdout' | 'stderr';
  /** Position of the first byte in the host's stream. */
  readonly offset: number;
  readonly data: Buffer;
}

export interface OutputGap {
  readonly host?: string | undefined;
  readonly detail: string;
}

export interface FollowOptions {
  readonly dispatcher: Dispatcher;
  readonly job: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal: AbortSignal;
  onContact?(contact: boolean): void;
}

/** A quiet connection is replaced after this long: asking again costs little, and the old one may be dead. */
const idleMs = 30_000;
/** Sooner where another dispatcher could be asked. */
const idleOfSeveralMs = 10_000;
/**
 * Once the job has ended, its output has to come to its end as well, sooner or later: a dispatcher waits for a worker that is being
 * started again. Longer silence means that something went wrong.
 */
const idleAfterEndMs = 25_000;

/**
 * Passes on events until the job has ended. A job that was opened again has an end among its earlier events: only the one
 * that nothing follows counts.
 */
export function followEvents(
  options: FollowOptions,
  take: (event: JobEventDocument) => void | Promise<void>,
): Promise<Result<'end' | 'aborted'>> {
  let last: string | undefined;
  let ended = false;
  return followStream<JobEventDocument>({
    ...options,
    idleMs: () => (options.dispatcher.isOneOfSeveral ? idleOfSeveralMs : idleMs),
    request: () => ({
      path: `/v1/jobs/${options.job}/events?follow=true`,
      headers: last === undefined ? {} : { 'last-event-id': last },
    }),
    parser: options.dispatcher.schemas().then(
      ({ jobEventSchema }) =>
        (value) =>
          jobEventSchema.safeParse(value).data,
    ),
    async take(event) {
      await take(event);
      // Catching up repeats its events, all but the last, which has an index.
      if (!event.id.startsWith('0.')) last = event.id;
      if (event.type === 'job-state') ended = isEnded(event.state);
      return 'more';
    },
    isWhole: () => ended,
  });
}

/** Passes on all hosts' output in the order of its arrival; with `follow` until the job has ended. */
export async function followOutput(
  options: FollowOptions & {
    readonly follow: boolean;
    /** Whether the job is known to have ended, so that the output has to end soon too. */
    hasEnded?(): boolean;
  },
  taker: { output(piece: OutputPiece): Promise<void>; gap(gap: OutputGap): Promise<void> },
): Promise<Result<'end' | 'aborted'>> {
  const positions = new Map<string, number>();
  const gaps = new Set<string>();
  const over = new AbortController();
  // Where events are followed as well, they notice it.
  const noticing =
    options.follow && options.hasEnded === undefined && options.dispatcher.isOneOfSeveral
      ? noticeSilence(options, AbortSignal.any([over.signal, options.signal]))
      : undefined;
  const following = followStream<OutputLine>({
    ...options,
    // Asking again means all of it again: only when nothing else can come of waiting.
    idleMs: () => (options.hasEnded?.() === true ? idleAfterEndMs : undefined),
    request: () => ({ path: `/v1/jobs/${options.job}/output?follow=${options.follow}`, headers: {} }),
    parser: options.dispatcher.schemas().then(
      ({ outputLineSchema }) =>
        (value) =>
          outputLineSchema.safeParse(value).data,
    ),
    async take(line) {
      if (line.type === 'end') return 'end';
      if (line.type === 'gap') {
        const key = `${line.host ?? ''}\0${line.detail}`;
        if (!gaps.has(key)) await taker.gap(line);
        gaps.add(key);
        return 'more';
      }
      const { host, attempt, stream, offset } = line;
      const key = `${host}\0${attempt}\0${stream}`;
      const position = positions.get(key) ?? 0;
      const data = Buffer.from(line.data, 'base64');
      const fresh = offset >= position ? data : data.subarray(Math.min(data.length, position - offset));
      if (fresh.length === 0) return 'more';
      positions.set(key, offset + data.length);
      await taker.output({ host, attempt, stream, offset: offset + data.length - fresh.length, data: fresh });
      return 'more';
    },
  });
  try {
    return await following;
  } finally {
    over.abort();
    await noticing;
  }
}

/** Output may be quiet for long, also where its dispatcher is stopped and its connection stands: asks until `signal` aborts. */
async function noticeSilence({ dispatcher, clock }: FollowOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(clock, idleOfSeveralMs, signal);
    if (!signal.aborted) await dispatcher.probe(signal);
  }
}
