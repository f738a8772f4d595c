import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { colorsFor } from '../render/colors.js';
import { RunView } from '../render/run-view.js';
import { Writer } from '../render/writer.js';
import { JobProgress } from '../run/job-progress.js';
import { watchJob } from '../run/watch-job.js';
import { withJob } from './job-session.js';

export default command({
  name: 'wait',
  summary:
    'Waits for the end of a job; the exit code is that of the run. Ctrl-C stops waiting, and leaves the job alone.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: ['pogo wait last', 'pogo wait 12 --json && echo all is well'],
  options: {
    json: flag('--json', 'the job as a JSON document at the end, on stdout'),
    quiet: flag('-q, --quiet', 'no progress and no summary'),
    noProgress: flag('--no-progress', 'no live line on a terminal'),
  },
  run: ({ environment, options, operands }) =>
    withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const { stdout, stderr, clock, variables } = environment;
      const [out, err] = [new Writer(stdout), new Writer(stderr)];
      const progress = new JobProgress(job.hosts);
      const quiet = options.quiet === true;
      const view = new RunView({
        clock,
        writer: err,
        stream: stderr,
        colors: colorsFor(stderr, 'auto', variables),
        live: stderr.isTTY === true && variables['TERM'] !== 'dumb' && !quiet && options.noProgress !== false,
        quiet,
        progress,
        targets: [],
        durationOf: () => undefined,
      });
      view.follow(job);
      const watched = await watchJob({
        environment,
        dispatcher,
        job,
        progress,
        view,
        ask: () => Promise.resolve('detach'),
        wantsDocument: options.json === true,
        closed: out.closed,
      });
      if (!watched.ok) return watched;
      const { ended, needsCredentials } = watched.value;
      if (ended || needsCredentials) await view.summary();
      if (needsCredentials) await view.credentialsNeeded();
      if (options.json === true) await out.write(`${JSON.stringify(watched.value.job, undefined, 2)}\n`);
      await Promise.all([out.flush(), err.flush()]);
      return out.result(watched.value.exitCode);
    }),
});
