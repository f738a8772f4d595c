import type { ReplayRequest } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import { countOrPercentage, flag, many, one, type ValueParser } from '../command-line/option.js';
import { success, usageFailure } from '../failure.js';
import { replayText } from '../render/replay-text.js';
import { withJob } from './job-session.js';
import { printed } from './printed.js';

type LimitChange = NonNullable<ReplayRequest['constraints']>[number];

/** `coast.frontend=10%`: the type ends at the first dot. */
const limitChange: ValueParser<LimitChange> = (value) => {
  const match = /^([A-Za-z0-9][\w-]*)\.([A-Za-z0-9][\w.-]*)=(none|[1-9]\d{0,6}%?)$/.exec(value);
  if (match !== null) return success({ type: match[1]!, app: match[2]!, limit: match[3]! });
  return usageFailure(
    'invalid-value',
    `${JSON.stringify(value)} is no limit of an app in an environment type: write it like coast.frontend=10%, coast.backend=2 or coast.frontend=none`,
  );
};

const countOrNone: ValueParser<string> = (value) =>
  value === 'none' ? success(value) : countOrPercentage(value);

export default command({
  name: 'replay',
  summary:
    'Shows what an ended job would have done under other limits: the same hosts, with the durations that they had. Nothing is run.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: [
    'pogo replay last --constraint coast.frontend=10%',
    'pogo replay 12 --concurrent 50 --constraint coast.backend=none --json',
  ],
  options: {
    constraints: many('--constraint', 'another limit of an app in an environment type (repeatable)', {
      argument: 'TYPE.APP=N|N%|none',
      parse: limitChange,
    }),
    concurrent: one('--cc, --concurrent, -F, --fanout', "another limit of the job's own", {
      argument: 'N|N%|none',
      parse: countOrNone,
    }),
    maxFailures: one('--max-failures', 'another failure budget', {
      argument: 'N|N%|none',
      parse: countOrNone,
    }),
    json: flag('--json', 'as a JSON document'),
  },
  run: ({ environment, options, operands }) =>
    withJob(environment, operands[0]!, async ({ dispatcher, job }) => {
      const { constraints, concurrent, maxFailures, json } = options;
      const replay = await dispatcher.replay(job.id, {
        constraints: [...(constraints ?? [])],
        ...(concurrent !== undefined && { concurrent }),
        ...(maxFailures !== undefined && { maxFailures }),
      });
      if (!replay.ok) return replay;
      return printed(
        environment,
        json === true ? `${JSON.stringify(replay.value, undefined, 2)}\n` : replayText(job, replay.value),
      );
    }),
});
