/**
 * What a person sees of a running job besides its output: the job's id first, on a terminal a live line of counts and
 * failures as they happen, and a summary at the end. All of it on stderr; output goes to stdout through its own sink.
 */
import { foldForPeople, type HostState, reasons, type Target } from '@pogo/core';
import type { Clock } from '@pogo/lifecycle';
import type { JobDocument, JobEventDocument } from '@pogo/protocol';
import type { OutputStream } from '../environment.js';
import type { FinishedHost, JobProgress } from '../run/job-progress.js';
import type { Colors } from './colors.js';
import { neutralise } from './escape.js';
import { credentialsAdvice } from './job-advice.js';
import { LiveLine } from './live-line.js';
import { standingText } from './standing-text.js';
import { durationText, outcomeText, summaryText } from './summary.js';
import type { Writer } from './writer.js';

export interface RunViewOptions {
  readonly clock: Clock;
  readonly writer: Writer;
  readonly stream: OutputStream;
  readonly colors: Colors;
  /** Whether to show a live line, and failures as they happen. */
  readonly live: boolean;
  readonly quiet: boolean;
  /** Shows failures as they happen off a terminal too. */
  readonly verbose?: boolean;
  readonly progress: JobProgress;
  /** The job's hosts, for naming those of which nothing was heard yet. */
  readonly targets: readonly Target[];
  /** What the summary gives as the time that it took, in milliseconds; since the view was made, unless told. */
  durationOf?(): number | undefined;
}

/** Failures that are shown one by one before the rest is left to the summary. */
const shownFailures = 20;

const pendingStates: readonly (readonly [HostState, string])[] = [
  ['waiting', 'waiting for a place among the hosts at once'],
  ['permitted', 'may start, and waits for a worker with room'],
  ['assigned', 'with a worker that has not begun'],
  ['connecting', 'being connected to'],
  ['running', 'running the command'],
];

export class RunView {
  readonly #options: RunViewOptions;
  readonly #startedMs: number;
  readonly #line: LiveLine | undefined;
  #job = '';
  #failures = 0;
  #contact = true;

  constructor(options: RunViewOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
    if (options.live) {
      this.#line = new LiveLine({ ...options, text: () => this.#liveText() });
    }
  }

  /** Writes to the terminal without disturbing the live line. */
  readonly aside = (write: () => Promise<void>): Promise<void> => this.#line?.aside(write) ?? write();

  note(text: string): Promise<void> {
    return this.aside(() => this.#options.writer.write(`${text}\n`));
  }

  /** The job's id comes before everything else. */
  async accepted(job: JobDocument, url: string): Promise<void> {
    await this.note(`job ${job.id}  ${url}`);
    this.follow(job);
  }

  /** Follows a job that the user knows already. */
  follow(job: JobDocument): void {
    this.#job = job.id;
    this.#line?.update();
  }

  /** @param isNewEnd whether the event is the end of a host that wasn't known before */
  async event(event: JobEventDocument, isNewEnd: boolean): Promise<void> {
    this.#line?.update();
    if (this.#line === undefined && this.#options.verbose !== true) return;
    if (!isNewEnd || event.type !== 'host-finished') return;
    if (event.outcome.state === 'succeeded' || this.#failures > shownFailures) return;
    this.#failures++;
    const text =
      this.#failures > shownFailures
        ? 'further failures are shown in the summary'
        : `${this.#options.colors.red(event.host)}: ${withAdvice(event)}`;
    await this.note(text);
  }

  /** What to do about a job that was left since it needs credentials. */
  credentialsNeeded(): Promise<void> {
    return this.note(`pogo: credentials-needed: ${credentialsAdvice(this.#job)}`);
  }

  /** What the job waits for, when it goes on by itself no more. */
  async standing(sentences: readonly string[]): Promise<void> {
    this.#line?.update();
    if (this.#options.quiet) return;
    for (const sentence of sentences) await this.note(neutralise(sentence));
  }

  contact(contact: boolean): void {
    if (this.#contact === contact) return;
    this.#contact = contact;
    this.#line?.update();
    if (!contact && this.#line === undefined && !this.#options.quiet) {
      void this.note('pogo: contact-lost: the connection to the dispatcher broke; trying again');
    }
  }

  /** Who is pending, and why. */
  async pending(): Promise<void> {
    const { progress, targets } = this.#options;
    const lines = pendingStates.flatMap(([state, why]) => {
      const hosts = progress.hostsIn(state);
      if (state === 'waiting')
        hosts.push(...targets.filter(({ host }) => !progress.knows(host)).map(({ host }) => host));
      return hosts.length === 0 ? [] : [`  ${hosts.length} ${why}: ${foldForPeople(hosts)}`];
    });
    await this.note(lines.length === 0 ? 'no host is pending' : lines.join('\n'));
  }

  /** Removes the live line; afterwards nothing changes any more. */
  async stop(): Promise<void> {
    await this.#line?.stop();
  }

  async summary(): Promise<void> {
    const { quiet, writer, progress, colors, clock, durationOf } = this.#options;
    if (quiet) return;
    const durationMs = durationOf === undefined ? clock.monotonicMs() - this.#startedMs : durationOf();
    await writer.write(summaryText(progress, { id: this.#job, durationMs }, colors));
  }

  #liveText(): string {
    const { progress, clock } = this.#options;
    const counts = Object.entries(progress.counts()).map(([state, count]) => `${count} ${state}`);
    const elapsedMs = clock.monotonicMs() - this.#startedMs;
    const { done } = progress;
    const perSecond = (done * 1000) / Math.max(1, elapsedMs);
    const left = progress.total - done;
    const pace = done > 0 && elapsedMs > 1000 ? `  ${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s` : '';
    const eta = pace !== '' && left > 0 ? `  about ${durationText((left / perSecond) * 1000)} left` : '';
    const contact = this.#contact ? '' : '  (no contact, trying again)';
    const standing = standingText(progress);
    const waits = standing === undefined ? '' : `  ${progress.state === 'held' ? 'held ' : ''}${standing}`;
    return neutralise(
      `${this.#job}${waits}  ${done}/${progress.total}  ${counts.join(', ')}${pace}${eta}${contact}`,
    );
  }
}

/** The outcome, and what to do about it where the command itself isn't what failed. */
function withAdvice(event: FinishedHost): string {
  const text = outcomeText(event);
  const { reason } = event.outcome;
  if (reason === undefined || reason === 'exit-nonzero') return text;
  return `${text.replace(/\.$/, '')}. ${reasons[reason].advice}`;
}
