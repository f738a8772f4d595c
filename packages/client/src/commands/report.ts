import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { exitCodes, failed } from '../failure.js';
import { reportText } from '../render/report-text.js';
import { withJobId } from './job-session.js';
import { printed } from './printed.js';

export default command({
  name: 'report',
  summary:
    'Shows what became of a job and whether limits and sequences were kept, recounted from the log. Exit code 1 where one was violated, or where the log does not reach back far enough to tell.',
  operands: 'JOB',
  operandCount: { min: 1, max: 1 },
  completes: ['last'],
  examples: ['pogo report last', 'pogo report 12 --json'],
  options: { json: flag('--json', 'as a JSON document') },
  run: ({ environment, options, operands }) =>
    withJobId(environment, operands[0]!, async ({ dispatcher, id }) => {
      const report = await dispatcher.report(id);
      if (!report.ok) return report;
      const { verdict, job } = report.value;
      const shown = await printed(
        environment,
        options.json === true ? `${JSON.stringify(report.value, undefined, 2)}\n` : reportText(report.value),
      );
      if (verdict === 'violated') {
        return failed({
          code: 'limits-violated',
          message: `limits or sequences were violated while ${job} was open: see its report`,
          exitCode: exitCodes.error,
        });
      }
      if (verdict === 'unproven') {
        return failed({
          code: 'report-incomplete',
          message: `not all that a report on ${job} needs is on record: no violation is known, and none can be ruled out`,
          exitCode: exitCodes.error,
        });
      }
      return shown;
    }),
});
