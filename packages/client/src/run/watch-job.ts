/** Follows a job on behalf of a person or a script until it ends, and says how it ended. */
import { isEnded } from '@pogo/core';
import type { JobDocument, JobEventDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, type Failure, failureText, type Result, success } from '../failure.js';
import type { OutputSink } from '../render/output-sink.js';
import type { RunView } from '../render/run-view.js';
import { standingSentences } from '../render/standing-text.js';
import { exitCodeOf } from './exit-code.js';
import { followEvents, type FollowOptions, followOutput } from './follow-job.js';
import { Interrupt } from './interrupt.js';
import type { JobProgress } from './job-progress.js';

export interface WatchOptions {
  readonly environment: Environment;
  readonly dispatcher: Dispatcher;
  readonly job: JobDocument;
  readonly progress: JobProgress;
  readonly view: RunView;
  /** Takes the output; without it none is asked for. */
  readonly sink?: OutputSink | undefined;
  /** Asks what Ctrl-C should do; undefined without a terminal. */
  readonly ask?: (() => Promise<'detach' | 'halt' | undefined>) | undefined;
  /** Aborts when nobody reads our output any more. */
  readonly closed: AbortSignal;
  onEvent?(event: JobEventDocument): Promise<void>;
  /** Whether the job's document is needed as the dispatcher has it at the end. */
  readonly wantsDocument?: boolean;
  /** Interrupts that came before the job was known. */
  readonly interruptedBefore?: boolean;
}

export interface Watched {
  readonly exitCode: ExitCode;
  /** As the dispatcher shows it at the end. */
  readonly job: JobDocument;
  /** False when it was left before its end. */
  readonly ended: boolean;
  /** It was left since nothing holds its credentials any more. */
  readonly needsCredentials: boolean;
}

export async function watchJob(options: WatchOptions): Promise<Result<Watched>> {
  const { environment, dispatcher, job, progress, view, sink, closed } = options;
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  closed.addEventListener('abort', leave, { once: true });
  const interrupt = new Interrupt({
    ask: options.ask,
    halt: (kill) => halt(options, kill),
    leave,
  });
  const release = environment.onSignal('SIGINT', () => void interrupt.press());
  if (options.interruptedBefore === true) void interrupt.press();
  const follow: FollowOptions = {
    dispatcher,
    job: job.id,
    clock: environment.clock,
    random: () => environment.random(),
    signal: leaving.signal,
    onContact: (contact) => view.contact(contact),
  };
  let needsCredentials = false;
  try {
    const [events, output] = await Promise.all([
      followEvents(follow, async (event) => {
        const isNewEnd = progress.take(event);
        await view.event(event, isNewEnd);
        await options.onEvent?.(event);
        if (event.type !== 'job-state') return;
        if (event.hold !== undefined || (event.ramp?.waitsFor ?? 'hosts') !== 'hosts') await tell(options);
        if (event.state !== 'needs-credentials') return;
        needsCredentials = await stillNeedsCredentials(options);
        if (needsCredentials) leave();
      }).then((result) => {
        if (!result.ok) leave();
        return result;
      }),
      sink === undefined
        ? success('end' as const)
        : followOutput({ ...follow, follow: true, hasEnded: () => isEnded(progress.state) }, sink),
    ]);
    await sink?.end();
    await view.stop();
    if (!events.ok) return events;
    if (!output.ok) await environment.stderr.write(failureText(output.failure));
    const end = { interrupted: interrupt.interrupted, needsCredentials };
    return success(await conclude(options, end, output.ok ? undefined : output.failure));
  } finally {
    release();
    await view.stop();
  }
}

async function conclude(
  { dispatcher, job, progress, closed, wantsDocument }: WatchOptions,
  { interrupted, needsCredentials }: { interrupted: boolean; needsCredentials: boolean },
  outputFailure: Failure | undefined,
): Promise<Watched> {
  const ended = isEnded(progress.state);
  // A success needs no second look: its events have said everything.
  const needed = wantsDocument === true || progress.state !== 'succeeded';
  const seen = needed && !closed.aborted ? await dispatcher.job(job.id) : undefined;
  const now: JobDocument = seen?.ok
    ? seen.value
    : { ...job, state: progress.state, counts: progress.counts() };
  const left = { job: now, ended, needsCredentials: needsCredentials && !ended };
  if (closed.aborted) return { ...left, exitCode: exitCodes.brokenPipe };
  if (interrupted) return { ...left, exitCode: exitCodes.interrupted };
  const exitCode = exitCodeOf({
    state: progress.state,
    counts: progress.counts(),
  });
  return { ...left, exitCode: exitCode === exitCodes.success && outputFailure ? exitCodes.error : exitCode };
}

/** Says what the job waits for now: the event may be history. */
async function tell({ dispatcher, job, view }: WatchOptions): Promise<void> {
  const now = await dispatcher.job(job.id);
  if (!now.ok || now.value.endedAtMs !== undefined) return;
  const { ramp, ...others } = now.value;
  await view.standing(standingSentences(ramp?.waitsFor === 'hosts' ? others : now.value));
}

/** The event may be history: somebody may have given them anew since. */
async function stillNeedsCredentials({ dispatcher, job }: WatchOptions): Promise<boolean> {
  const now = await dispatcher.job(job.id);
  return !now.ok || now.value.state === 'needs-credentials';
}

async function halt({ dispatcher, job, view }: WatchOptions, kill: boolean): Promise<void> {
  await view.note(
    kill
      ? 'ending running commands; Ctrl-C once more stops waiting for them'
      : `halting ${job.id}: nothing new starts, running commands finish; Ctrl-C again ends them`,
  );
  const halted = await dispatcher.halt(job.id, kill);
  if (!halted.ok && halted.failure.code !== 'job-ended')
    await view.note(failureText(halted.failure).trimEnd());
}
