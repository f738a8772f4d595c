/** Where the output and the progress of a run go, by its options: lines, raw bytes, files, JSON, or folded at the end. */
import type { Target } from '@pogo/core';
import type { JobDocument, JobEventDocument, JobHostDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import { type ExitCode, exitCodes, type Result, success } from '../failure.js';
import type { AttachOptions } from './attach-options.js';
import { EarlierOutput } from './earlier-output.js';
import { LineOutput } from '../render/line-output.js';
import { PlainOutput } from '../render/plain-output.js';
import { askDetachOrHalt } from './ask-detach.js';
import { colorsFor } from '../render/colors.js';
import type { OutputSink } from '../render/output-sink.js';
import { RunView } from '../render/run-view.js';
import { Writer } from '../render/writer.js';
import { isForeground } from './foreground.js';
import { JobProgress } from './job-progress.js';
import type { JobContext } from './prepare-job.js';
import { type Watched, watchJob } from './watch-job.js';

export interface RunOutputOptions {
  readonly context: Pick<JobContext, 'environment' | 'configuration'>;
  readonly options: AttachOptions;
  readonly targets: readonly Target[];
  readonly dispatcher: Dispatcher;
  readonly job: JobDocument;
  /** For a job that ran before: its hosts as they stood. What had ended by then is not shown again. */
  readonly before?: readonly JobHostDocument[];
  /** Said first, instead of the job's id and URL. */
  readonly announcement?: string;
}

export class RunOutput {
  readonly #run: RunOutputOptions;
  readonly #stdout: Writer;
  readonly #stderr: Writer;
  readonly #progress: JobProgress;
  readonly #view: RunView;
  readonly #live: boolean;

  constructor(run: RunOutputOptions) {
    this.#run = run;
    const { context, options, targets, job } = run;
    const { environment, configuration } = context;
    const { stdout, stderr, variables, clock } = environment;
    this.#stdout = new Writer(stdout);
    this.#stderr = new Writer(stderr);
    this.#progress = new JobProgress(job.hosts, run.before);
    const quiet = options.quiet === true;
    const single = job.hosts === 1 && options.lineMode !== true;
    this.#live =
      stderr.isTTY === true &&
      variables['TERM'] !== 'dumb' &&
      !quiet &&
      options.noProgress !== false &&
      !single;
    this.#view = new RunView({
      clock,
      writer: this.#stderr,
      stream: stderr,
      colors: colorsFor(stderr, configuration.get('color', options.color) ?? 'auto', variables),
      live: this.#live,
      quiet,
      verbose: options.verbose === true,
      progress: this.#progress,
      targets,
    });
  }

  async watch(interruptedBefore: boolean): Promise<Result<ExitCode>> {
    const { context, dispatcher, job, options } = this.#run;
    const { environment } = context;
    const mode = await this.#mode();
    if (!mode.ok) return mode;
    const { sink, onEvent, finish } = mode.value;
    await this.#announce();
    await mode.value.begin?.();
    const terminal = environment.stdin.isTTY === true && environment.stderr.isTTY === true && isForeground();
    const stopListening = this.#live && terminal ? this.#listenForEnter() : undefined;
    const watched = await watchJob({
      environment,
      dispatcher,
      job,
      progress: this.#progress,
      view: this.#view,
      sink: sink && this.#onlyNew(sink),
      closed: this.#stdout.closed,
      interruptedBefore,
      wantsDocument: options.json === true || options.jsonLines === true,
      ...(onEvent && { onEvent }),
      ...(terminal &&
        options.yes !== true && {
          ask: () => askDetachOrHalt(environment.stdin, (text) => this.#view.note(text)),
        }),
    });
    stopListening?.();
    if (!watched.ok) return watched;
    await finish?.(watched.value);
    const { exitCode, ended, needsCredentials } = watched.value;
    if (exitCode !== exitCodes.brokenPipe) {
      if (ended || needsCredentials) await this.#view.summary();
      if (needsCredentials) await this.#view.credentialsNeeded();
      else if (!ended)
        await this.#view.note(
          `detached from ${job.id}: \`pogo wait ${job.id}\` follows it, \`pogo halt ${job.id}\` ends it`,
        );
    }
    await Promise.all([this.#stdout.flush(), this.#stderr.flush()]);
    return this.#stdout.result(exitCode);
  }

  async #announce(): Promise<void> {
    const { dispatcher, job, announcement } = this.#run;
    if (announcement === undefined) {
      return this.#view.accepted(job, `${dispatcher.url}/v1/jobs/${job.id}`);
    }
    await this.#view.note(announcement);
    this.#view.follow(job);
  }

  #onlyNew(sink: OutputSink): OutputSink {
    const { before } = this.#run;
    return before === undefined ? sink : new EarlierOutput(sink, before);
  }

  async #mode(): Promise<Result<Mode>> {
    const { options } = this.#run;
    if (options.jsonLines === true) return success(this.#jsonLines());
    if (options.json === true) return success(await this.#json());
    if (options.gather === true || options.diff === true) return success(await this.#gather());
    if (options.outputDirectory !== undefined) return this.#directory(options.outputDirectory);
    return success({ sink: this.#plainOrLines() });
  }

  #plainOrLines(): OutputSink {
    const { job, options, context } = this.#run;
    const { stdout, stderr, variables } = context.environment;
    const terminal = { stdout: stdout.isTTY === true, stderr: stderr.isTTY === true };
    if (job.hosts === 1 && options.lineMode !== true) {
      return new PlainOutput({ stdout: this.#stdout, stderr: this.#stderr, terminal });
    }
    const color = context.configuration.get('color', options.color) ?? 'auto';
    const colors = {
      stdout: colorsFor(stdout, color, variables),
      stderr: colorsFor(stderr, color, variables),
    };
    return new LineOutput({
      stdout: this.#stdout,
      stderr: this.#stderr,
      terminal,
      prefix: (host, stream) =>
        `${stream === 'stdout' ? colors.stdout.cyan(host) : colors.stderr.yellow(host)}: `,
      aside: this.#view.aside,
    });
  }

  #jsonLines(): Mode {
    const { dispatcher, job } = this.#run;
    const line = (value: unknown) => this.#stdout.write(`${JSON.stringify(value)}\n`);
    return {
      begin: () => line({ type: 'job', id: job.id, url: `${dispatcher.url}/v1/jobs/${job.id}`, job }),
      sink: {
        output: ({ data, ...piece }) => line({ type: 'output', ...piece, data: data.toString('base64') }),
        gap: (gap) => line({ ...gap, type: 'gap' }),
        end: () => Promise.resolve(),
      },
      onEvent: line,
      finish: ({ exitCode, job: end }) => line({ type: 'end', exitCode, job: end }),
    };
  }

  async #json(): Promise<Mode> {
    const { JsonOutput } = await import('../render/json-output.js');
    const output = new JsonOutput();
    return {
      sink: output,
      finish: ({ exitCode, job }) =>
        this.#stdout.write(
          `${JSON.stringify(output.document({ exitCode, job, progress: this.#progress, targets: this.#run.targets }), undefined, 2)}\n`,
        ),
    };
  }

  async #gather(): Promise<Mode> {
    const { writeGathered } = await import('./gather.js');
    const { dispatcher, context, options } = this.#run;
    const { environment } = context;
    return {
      finish: async ({ job }) => {
        const color = context.configuration.get('color', options.color) ?? 'auto';
        await writeGathered({
          dispatcher,
          job: job.id,
          finished: this.#progress.news,
          diff: options.diff === true,
          stdout: this.#stdout,
          terminal: environment.stdout.isTTY === true,
          colors: colorsFor(environment.stdout, color, environment.variables),
          warn: (text) => this.#view.note(text),
        });
      },
    };
  }

  async #directory(directory: string): Promise<Result<Mode>> {
    const { DirectoryOutput } = await import('../render/directory-output.js');
    const output = await DirectoryOutput.open(directory, this.#stderr);
    return output.ok ? success({ sink: output.value }) : output;
  }

  /** Enter lists who is pending. */
  #listenForEnter(): () => void {
    const { stdin } = this.#run.context.environment;
    const onData = (chunk: Buffer | string) => {
      if (chunk.toString().includes('\n')) void this.#view.pending();
    };
    stdin.on('data', onData);
    return () => {
      stdin.off('data', onData);
      stdin.pause();
    };
  }
}

/** What one kind of output does at each point of a run. */
interface Mode {
  readonly sink?: OutputSink;
  begin?(): Promise<void>;
  onEvent?(event: JobEventDocument): Promise<void>;
  finish?(end: Watched): Promise<void>;
}
