import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { exitCodes, success } from '../failure.js';
import { countsText } from '../render/summary.js';
import { withJobId } from './job-session.js';
import { printed } from './printed.js';

export default command({
  name: 'halt',
  summary:
    'Ends a job: hosts that have not started never will, running commands finish, or are killed with --kill.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: ['pogo halt last', 'pogo halt p0000000012 --kill'],
  options: {
    kill: flag('--kill', 'end running commands too'),
    json: flag('--json', 'as a JSON document'),
  },
  run: ({ environment, options, operands }) =>
    withJobId(environment, operands[0]!, async ({ dispatcher, id }) => {
      const halted = await dispatcher.halt(id, options.kill === true);
      if (!halted.ok) return halted;
      const job = halted.value;
      if (options.json === true) return printed(environment, `${JSON.stringify(job, undefined, 2)}\n`);
      environment.stderr.write(
        `halting ${job.id}, ${countsText(job.hosts, job.counts)}; \`pogo wait ${job.id}\` waits for its end\n`,
      );
      return success(exitCodes.success);
    }),
});
