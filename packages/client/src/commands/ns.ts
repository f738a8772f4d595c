import { command } from '../command-line/command.js';
import { flag, integer, one, type ValuesOf } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, usageFailure } from '../failure.js';
import { contradiction } from '../run/contradiction.js';
import { applyFile } from './ns-apply.js';
import { checkFile } from './ns-check.js';
import { showNamespace } from './ns-show.js';

const options = {
  ifVersion: one('--if-version', 'apply only if this version is in force; 0: none yet', {
    argument: 'N',
    parse: integer({ min: 0, max: 999_999_999 }),
  }),
  slots: flag('--slots', 'show the slots, and how much of each is in use, instead of the file'),
  json: flag('--json', 'as a JSON document'),
} as const;

export default command({
  name: 'ns',
  summary:
    'Checks, applies or shows the namespace file: hosts, and how many of them may be disturbed at once.',
  operands: 'check FILE  |  apply FILE  |  show',
  operandCount: { min: 1 },
  completes: ['check', 'apply', 'show'],
  examples: [
    'pogo ns check prod.yaml       # hosts, slots and limits; or what is wrong, by line',
    'pogo ns apply prod.yaml       # checked first; holds for what is started from then on',
    'pogo ns apply prod.yaml --if-version 3',
    'pogo ns show > prod.yaml      # the file that is in force',
    'pogo ns show --slots',
    './make-namespace | pogo ns check - --json',
  ],
  options,
  run: ({ environment, options: given, operands }) => runAction(environment, given, operands),
});

async function runAction(
  environment: Environment,
  { ifVersion, slots = false, json = false }: ValuesOf<typeof options>,
  [action, file, ...rest]: readonly string[],
): Promise<Result<ExitCode>> {
  const wantsFile = action === 'check' || action === 'apply';
  if ((!wantsFile && action !== 'show') || (file !== undefined) !== wantsFile || rest.length > 0)
    return usageFailure(
      'usage',
      'pogo ns takes check FILE, apply FILE or show; pogo ns --help shows examples',
    );
  if (ifVersion !== undefined && action !== 'apply') return foreign('--if-version', 'apply');
  if (slots && action !== 'show') return foreign('--slots', 'show');
  if (slots && json) return contradiction('--slots', '--json');
  if (file === undefined) return showNamespace(environment, { slots, json });
  return action === 'check'
    ? checkFile(environment, file, json)
    : applyFile(environment, file, { ifVersion, json });
}

function foreign(option: string, action: string): Result<never> {
  return usageFailure('usage', `${option} is an option of pogo ns ${action} only`);
}
