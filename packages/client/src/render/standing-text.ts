/** What a job that has not ended waits for as a whole: a person who holds it, a step of its ramp, a freeze. Pure. */
import type { DrainDocument, FreezeDocument, JobDocument, RampState } from '@pogo/protocol';
import { timeText } from './time.js';

type Standing = Pick<JobDocument, 'id' | 'state' | 'hold' | 'ramp' | 'frozen'>;
/** What is known of it, also while it is followed. */
interface Known {
  readonly state: JobDocument['state'];
  readonly hold?: { readonly by: string } | undefined;
  readonly ramp?: RampState | undefined;
  readonly frozen?: FreezeDocument | undefined;
}

/** In a few words, for lists and the live line; undefined where the state says all. */
export function standingText({ state, hold, ramp, frozen }: Known): string | undefined {
  if (hold !== undefined) return state === 'held' ? `by ${hold.by}` : `held by ${hold.by}`;
  if (frozen !== undefined) return `frozen by ${frozen.by}`;
  if (ramp === undefined) return undefined;
  const step = `ramp ${ramp.step}/${ramp.steps}`;
  return ramp.waitsFor === 'hosts' ? step : `${step}, waits for ${waits[ramp.waitsFor]}`;
}

const waits = { pause: 'its pause', confirmation: 'confirmation' } as const;

/** What it waits for and what to do, in sentences. */
export function standingSentences({ id, hold, ramp, frozen }: Standing): string[] {
  const sentences: string[] = [];
  if (hold !== undefined)
    sentences.push(
      `${id} is held by ${hold.by}: nothing new starts, what runs goes on; \`pogo resume ${id}\` lifts it`,
    );
  if (frozen !== undefined)
    sentences.push(
      `the namespace is ${freezeText(frozen)}: nothing new starts in any job; \`pogo freeze --lift\` lifts it`,
    );
  if (ramp !== undefined) sentences.push(rampSentence(id, ramp));
  return sentences;
}

/** `draining by ada since 2026-01-02 03:04:05 (new kernel)` */
export function drainText({ by, note, atMs }: DrainDocument): string {
  return `draining by ${by} since ${timeText(atMs)}${note === undefined ? '' : ` (${note})`}`;
}

/** `frozen by ada since 2026-01-02 03:04:05 (disk trouble)` */
export function freezeText({ by, note, atMs }: FreezeDocument): string {
  return `frozen by ${by} since ${timeText(atMs)}${note === undefined ? '' : ` (${note})`}`;
}

function rampSentence(id: string, ramp: NonNullable<JobDocument['ramp']>): string {
  const { waitsFor, started, limit } = ramp;
  switch (waitsFor) {
    case 'hosts':
      return `${rampStepText(ramp)}: ${started} of at most ${limit} hosts have been started`;
    case 'pause':
      return `${rampOverText(ramp)}: the next begins by itself${ramp.nextAtMs === undefined ? '' : ` at ${timeText(ramp.nextAtMs)}`}, or with \`pogo resume ${id}\``;
    case 'confirmation':
      return `${rampOverText(ramp)}: nothing new starts until somebody confirms: \`pogo resume ${id}\` begins the next step, \`pogo halt ${id}\` ends the job`;
  }
}

function rampStepText({ step, steps }: RampState): string {
  return `step ${step} of ${steps} of the ramp`;
}

/** `step 1 of 3 of the ramp is over, and 1 host did not succeed` */
export function rampOverText(ramp: RampState): string {
  const { failed } = ramp;
  const unwell = failed === 0 ? '' : `, and ${failed} host${failed === 1 ? '' : 's'} did not succeed`;
  return `${rampStepText(ramp)} is over${unwell}`;
}
