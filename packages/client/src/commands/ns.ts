import { command } from '../command-line/command.js';
import { flag, integer, one, type ValuesOf } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, usageFailure } from '../failure.js';
import { contradiction } from '../run/contradiction.js';
import { applyFile } from './ns-apply.js';
import { checkFile } from './ns-check.js';
import { type Compared, diffNamespace } from './ns-diff.js';
import { namespaceOption } from './namespace-session.js';
import { listNamespaces } from './ns-list.js';
import { listVersions } from './ns-log.js';
import { showNamespace, showVersion } from './ns-show.js';

const version = integer({ min: 1, max: 999_999_999 });

const options = {
  namespace: namespaceOption,
  create: flag('--create', 'apply the first file of a namespace that does not exist yet, which makes it'),
  ifVersion: one('--if-version', 'apply only if this version is in force; 0: none yet', {
    argument: 'N',
    parse: integer({ min: 0, max: 999_999_999 }),
  }),
  slots: flag('--slots', 'show the slots, and how much of each is in use, instead of the file'),
  version: one(
    '--version',
    'show this version, or compare the file with it, rather than with the one in force',
    {
      argument: 'N',
      parse: version,
    },
  ),
  json: flag('--json', 'as a JSON document'),
} as const;

const actions = ['check', 'apply', 'show', 'log', 'diff', 'list'] as const;

export default command({
  name: 'ns',
  summary:
    'Checks, applies, shows or compares the namespace file: hosts, and how many of them may be disturbed at once.',
  operands: 'check FILE  |  apply FILE  |  show  |  log  |  diff [FILE | A..B]  |  list',
  operandCount: { min: 1 },
  completes: actions,
  examples: [
    'pogo ns check prod.yaml       # hosts, slots and limits; or what is wrong, by line',
    'pogo ns diff prod.yaml        # what it would change',
    'pogo ns apply prod.yaml       # checked first; holds for what is started from then on',
    'pogo ns apply prod.yaml --if-version 3',
    'pogo ns apply east.yaml --namespace east --create',
    'pogo ns list                  # the namespaces',
    'pogo ns show > prod.yaml      # the file that is in force',
    'pogo ns show --slots',
    'pogo ns log                   # versions, who applied them and when',
    'pogo ns show --version 2',
    'pogo ns diff                  # what the version in force has changed',
    'pogo ns diff 2..5',
    './make-namespace | pogo ns check - --json',
  ],
  options,
  run: ({ environment, options: given, operands }) => runAction(environment, given, operands),
});

async function runAction(
  environment: Environment,
  {
    namespace,
    create = false,
    ifVersion,
    slots = false,
    version: wanted,
    json = false,
  }: ValuesOf<typeof options>,
  [name, file, ...rest]: readonly string[],
): Promise<Result<ExitCode>> {
  const action = actions.find((one) => one === name);
  const takesFile = action === 'check' || action === 'apply';
  const hasOperands = action === 'diff' || (file !== undefined) === takesFile;
  if (action === undefined || !hasOperands || rest.length > 0)
    return usageFailure(
      'usage',
      'pogo ns takes check FILE, apply FILE, show, log, list, or diff with a FILE or versions A..B; pogo ns --help shows examples',
    );
  if (ifVersion !== undefined && action !== 'apply') return foreign('--if-version', 'apply');
  if (create && action !== 'apply') return foreign('--create', 'apply');
  if (create && ifVersion !== undefined) return contradiction('--create', '--if-version');
  if (namespace !== undefined && action === 'list')
    return usageFailure('usage', '--namespace is no option of pogo ns list, which shows all of them');
  if (slots && action !== 'show') return foreign('--slots', 'show');
  if (wanted !== undefined && action !== 'show' && action !== 'diff')
    return foreign('--version', 'show and pogo ns diff');
  if (slots && json) return contradiction('--slots', '--json');
  if (slots && wanted !== undefined) return contradiction('--slots', '--version');
  switch (action) {
    case 'check':
      return checkFile(environment, file!, json);
    case 'apply':
      return applyFile(environment, file!, { namespace, ifVersion, create, json });
    case 'show':
      return wanted === undefined
        ? showNamespace(environment, { namespace, slots, json })
        : showVersion(environment, wanted, { namespace, json });
    case 'log':
      return listVersions(environment, { namespace, json });
    case 'list':
      return listNamespaces(environment, json);
    case 'diff': {
      const compared = comparedBy(file, wanted);
      return compared === undefined
        ? contradiction('A..B', '--version')
        : diffNamespace(environment, compared, { namespace, json });
    }
  }
}

/** `2..5`, `2..` up to the one in force; a file of such a name is written `./2..5`. */
const versionRange = /^([1-9]\d{0,8}|0)\.\.([1-9]\d{0,8})?$/;

/** Undefined for both a range and a version. */
function comparedBy(operand: string | undefined, wanted: number | undefined): Compared | undefined {
  if (operand === undefined) return { kind: 'versions', from: wanted, to: undefined };
  const range = versionRange.exec(operand);
  if (range === null) return { kind: 'file', path: operand, version: wanted };
  if (wanted !== undefined) return undefined;
  return {
    kind: 'versions',
    from: Number(range[1]),
    to: range[2] === undefined ? undefined : Number(range[2]),
  };
}

function foreign(option: string, action: string): Result<never> {
  return usageFailure('usage', `${option} is an option of pogo ns ${action} only`);
}
