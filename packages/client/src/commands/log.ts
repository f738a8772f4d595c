import { hostKey } from '@pogo/core';
import { allHosts } from '../api/all-hosts.js';
import { command } from '../command-line/command.js';
import { flag, integer, one, oneOf, type ValueParser } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { exitCodes, success, usageFailure } from '../failure.js';
import { colorsFor } from '../render/colors.js';
import { endedInStep, failedStepsText, type HostWithStep } from '../render/failed-steps.js';
import { LineOutput } from '../render/line-output.js';
import type { OutputSink } from '../render/output-sink.js';
import { PlainOutput } from '../render/plain-output.js';
import { Writer } from '../render/writer.js';
import { followOutput } from '../run/follow-job.js';
import { chooseAttempts } from '../run/logged-attempts.js';
import { readTargets } from '../targets/targets.js';
import { withJob } from './job-session.js';

const attemptOrAll: ValueParser<number | 'all'> = (value) =>
  value === 'all' ? success(value) : integer({ min: 1, max: 65_535 })(value);

export default command({
  name: 'log',
  summary:
    'Shows what the hosts of a job wrote: one host as it is, several with their names before each line.',
  operands: 'JOB [HOST…]',
  operandCount: { min: 1 },
  completes: ['last'],
  examples: [
    'pogo log last',
    "pogo log 12 'web[1-3]'",
    'pogo log last web1 --stream stdout > web1.txt',
    'pogo log last --follow',
    'pogo log 12 web7 --attempt 1',
  ],
  options: {
    follow: flag('-f, --follow', 'go on until the job has ended'),
    stream: one('--stream', 'only one of the streams: stdout or stderr', {
      argument: 'STREAM',
      parse: oneOf(['stdout', 'stderr']),
      completes: ['stdout', 'stderr'],
    }),
    attempt: one('--attempt', 'of hosts that were retried: which attempt, or all (the last)', {
      argument: 'N|all',
      parse: attemptOrAll,
    }),
    lineMode: flag('-L, --line-mode', 'each line with its host, also for one host'),
    json: flag('--json', 'one JSON document for each piece of output, its bytes in base64'),
  },
  async run({ environment, options, operands }) {
    let wanted: Set<string> | undefined;
    if (operands.length > 1) {
      const targets = await readTargets(
        { expressions: operands.slice(1), hostFiles: [], excluded: [] },
        environment,
      );
      if (!targets.ok) return targets;
      wanted = new Set(targets.value.map(({ host }) => hostKey(host)));
      if (wanted.size === 0) return usageFailure('no-targets', 'the hosts that were given come to none');
    }
    return withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const hosts = await allHosts(dispatcher, job.id);
      if (!hosts.ok) return hosts;
      const attempts = chooseAttempts(hosts.value, { job: job.id, wanted, attempt: options.attempt });
      if (!attempts.ok) return attempts;
      const writers = { stdout: new Writer(environment.stdout), stderr: new Writer(environment.stderr) };
      const single = (wanted?.size ?? job.hosts) === 1 && options.lineMode !== true;
      const sink = options.json === true ? jsonSink(writers.stdout) : textSink(environment, writers, single);
      const { note } = attempts.value;
      if (note !== undefined) await writers.stderr.write(`pogo: ${note}\n`);
      const leaving = new AbortController();
      writers.stdout.closed.addEventListener('abort', () => leaving.abort(), { once: true });
      const release = environment.onSignal('SIGINT', () => leaving.abort());
      const followed = await followOutput(
        {
          dispatcher,
          job: job.id,
          clock: environment.clock,
          random: () => environment.random(),
          signal: leaving.signal,
          follow: options.follow === true,
        },
        {
          output: async (piece) => {
            if (!attempts.value.includes(piece.host, piece.attempt)) return;
            if (options.stream === undefined || piece.stream === options.stream) await sink.output(piece);
          },
          gap: async (gap) => {
            if (gap.host === undefined || attempts.value.includes(gap.host)) await sink.gap(gap);
          },
        },
      );
      release();
      if (!followed.ok) return followed;
      const interrupted = followed.value === 'aborted';
      await sink.end();
      const ended = options.follow === true && !interrupted ? await allHosts(dispatcher, job.id) : hosts;
      if (!ended.ok) return ended;
      const inSteps = ended.value.filter(endedInStep);
      const shown = inSteps.filter(({ host, attempt }) => attempts.value.includes(host, attempt));
      if (options.json === true) await writeSteps(writers.stdout, shown);
      else await writers.stderr.write(failedStepsText(shown));
      await Promise.all([writers.stdout.flush(), writers.stderr.flush()]);
      return writers.stdout.result(interrupted ? exitCodes.interrupted : exitCodes.success);
    });
  },
});

function textSink(
  environment: Environment,
  writers: { stdout: Writer; stderr: Writer },
  single: boolean,
): OutputSink {
  const { stdout, stderr, variables } = environment;
  const terminal = { stdout: stdout.isTTY === true, stderr: stderr.isTTY === true };
  if (single) return new PlainOutput({ ...writers, terminal });
  const colors = {
    stdout: colorsFor(stdout, 'auto', variables),
    stderr: colorsFor(stderr, 'auto', variables),
  };
  return new LineOutput({
    ...writers,
    terminal,
    prefix: (host, stream) =>
      `${stream === 'stdout' ? colors.stdout.cyan(host) : colors.stderr.yellow(host)}: `,
  });
}

async function writeSteps(stdout: Writer, hosts: readonly HostWithStep[]): Promise<void> {
  for (const { host, attempt, outcome } of hosts) {
    const { step, hook, state, reason, exitCode, signal, message } = outcome;
    const ended = { type: 'step', host, attempt, step, hook, state, reason, exitCode, signal, message };
    await stdout.write(`${JSON.stringify(ended)}\n`);
  }
}

function jsonSink(stdout: Writer): OutputSink {
  return {
    output: ({ data, ...piece }) =>
      stdout.write(`${JSON.stringify({ type: 'output', ...piece, data: data.toString('base64') })}\n`),
    gap: (gap) => stdout.write(`${JSON.stringify({ ...gap, type: 'gap' })}\n`),
    end: () => Promise.resolve(),
  };
}
