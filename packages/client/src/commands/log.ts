import { hostKey } from '@pogo/core';
import type { JobDocument } from '@pogo/protocol';
import type { Dispatcher } from '../api/dispatcher.js';
import { command } from '../command-line/command.js';
import { flag, one, oneOf } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { exitCodes, type Result, success, usageFailure } from '../failure.js';
import { colorsFor } from '../render/colors.js';
import { LineOutput } from '../render/line-output.js';
import type { OutputSink } from '../render/output-sink.js';
import { PlainOutput } from '../render/plain-output.js';
import { Writer } from '../render/writer.js';
import { followOutput } from '../run/follow-job.js';
import { readTargets } from '../targets/targets.js';
import { jobOperand } from './job-operand.js';
import { withDispatcher } from './session.js';

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
  ],
  options: {
    follow: flag('-f, --follow', 'go on until the job has ended'),
    stream: one('--stream', 'only one of the streams: stdout or stderr', {
      argument: 'STREAM',
      parse: oneOf(['stdout', 'stderr']),
      completes: ['stdout', 'stderr'],
    }),
    lineMode: flag('-L, --line-mode', 'each line with its host, also for one host'),
    json: flag('--json', 'one JSON document for each piece of output, its bytes in base64'),
  },
  async run({ environment, options, operands }) {
    const id = jobOperand(operands[0]!);
    if (!id.ok) return id;
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
    return withDispatcher(environment, async ({ dispatcher }) => {
      const job = await dispatcher.job(id.value);
      if (!job.ok) return job;
      if (wanted !== undefined) {
        const known = await knownHosts(dispatcher, job.value, wanted);
        if (!known.ok) return known;
      }
      const writers = { stdout: new Writer(environment.stdout), stderr: new Writer(environment.stderr) };
      const single = (wanted?.size ?? job.value.hosts) === 1 && options.lineMode !== true;
      const sink = options.json === true ? jsonSink(writers.stdout) : textSink(environment, writers, single);
      const leaving = new AbortController();
      writers.stdout.closed.addEventListener('abort', () => leaving.abort(), { once: true });
      const release = environment.onSignal('SIGINT', () => leaving.abort());
      const followed = await followOutput(
        {
          dispatcher,
          job: job.value.id,
          clock: environment.clock,
          random: () => environment.random(),
          signal: leaving.signal,
          follow: options.follow === true,
        },
        {
          output: async (piece) => {
            if (wanted !== undefined && !wanted.has(hostKey(piece.host))) return;
            if (options.stream === undefined || piece.stream === options.stream) await sink.output(piece);
          },
          gap: async (gap) => {
            if (wanted === undefined || gap.host === undefined || wanted.has(hostKey(gap.host)))
              await sink.gap(gap);
          },
        },
      );
      release();
      if (!followed.ok) return followed;
      const interrupted = followed.value === 'aborted';
      await sink.end();
      await Promise.all([writers.stdout.flush(), writers.stderr.flush()]);
      return writers.stdout.result(interrupted ? exitCodes.interrupted : exitCodes.success);
    });
  },
});

/** Whether the job has the hosts; one that it hasn't is an error, not silence. */
async function knownHosts(
  dispatcher: Dispatcher,
  job: JobDocument,
  wanted: ReadonlySet<string>,
): Promise<Result<undefined>> {
  const { allHosts } = await import('../api/all-hosts.js');
  const hosts = await allHosts(dispatcher, job.id);
  if (!hosts.ok) return hosts;
  const known = new Set(hosts.value.map(({ host }) => hostKey(host)));
  const unknown = [...wanted].find((host) => !known.has(host));
  return unknown === undefined
    ? success(undefined)
    : usageFailure(
        'unknown-host',
        `${unknown} is not a host of ${job.id}: \`pogo status ${job.id} --hosts\` lists them`,
      );
}

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

function jsonSink(stdout: Writer): OutputSink {
  return {
    output: ({ data, ...piece }) =>
      stdout.write(`${JSON.stringify({ type: 'output', ...piece, data: data.toString('base64') })}\n`),
    gap: (gap) => stdout.write(`${JSON.stringify({ ...gap, type: 'gap' })}\n`),
    end: () => Promise.resolve(),
  };
}
