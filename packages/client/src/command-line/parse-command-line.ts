/**
 * Reads a command's arguments with commander, from the command's declaration.
 *
 * 1. No value that was given is repeated in a message about an unknown option: it may be a password.
 * 2. With `passThrough` everything from the first operand on is left exactly as it is.
 */
import { Command as Parser, CommanderError, Option as ParserOption } from 'commander';
import { failed, type Result, success, usageFailure } from '../failure.js';
import type { Command } from './command.js';
import { type AnyOption, type Options, optionName, type ValuesOf } from './option.js';
import { similarTo } from './similar.js';

export type ParsedCommandLine<O extends Options> =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'run'; readonly options: ValuesOf<O>; readonly operands: readonly string[] };

export function parseCommandLine<O extends Options>(
  command: Command<O>,
  args: readonly string[],
  width: number,
): Result<ParsedCommandLine<O>> {
  const given: { key: string; option: AnyOption; value: string | undefined }[] = [];
  const parser = parserFor(command, width, (key, option, value) => given.push({ key, option, value }));
  let output = '';
  parser.configureOutput({ writeOut: (text) => (output += text), writeErr: () => undefined });
  try {
    parser.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return success({ kind: 'help', text: output });
    return parserFailure(command, error, args);
  }
  const operands = parser.args;
  const { min = 0, max } = command.operandCount ?? {};
  if (operands.length < min || (max !== undefined && operands.length > max)) {
    const problem =
      operands.length < min
        ? 'is missing an operand'
        : `takes no further operand ${JSON.stringify(operands[max!])}`;
    return usageFailure(
      'usage',
      `pogo ${command.name} ${problem}. Usage: ${usage(command)}; pogo ${command.name} --help shows examples`,
    );
  }
  const options: Record<string, unknown> = {};
  for (const { key, option, value } of given) {
    if (option.kind === 'flag') {
      options[key] = option.value;
      continue;
    }
    const parsed = option.parse(value ?? '');
    if (!parsed.ok)
      return failed({ ...parsed.failure, message: `${optionName(option)}: ${parsed.failure.message}` });
    if (option.kind === 'one') options[key] = parsed.value;
    else options[key] = [...((options[key] as unknown[] | undefined) ?? []), parsed.value];
  }
  return success({ kind: 'run', options: options as ValuesOf<O>, operands });
}

/** The usage line. */
export function usage(command: { name: string; operands: string }): string {
  return `pogo ${command.name} [options]${command.operands === '' ? '' : ` ${command.operands}`}`;
}

function parserFor<O extends Options>(
  command: Command<O>,
  width: number,
  onGiven: (key: string, option: AnyOption, value: string | undefined) => void,
): Parser {
  const parser = new Parser(`pogo ${command.name}`)
    .description(command.summary)
    .usage(`[options]${command.operands === '' ? '' : ` ${command.operands}`}`)
    .argument('[operands...]')
    .helpOption('-?, --help', 'show this help')
    .exitOverride()
    .showSuggestionAfterError(false)
    .passThroughOptions(command.passThrough ?? false);
  const terms = new Map<ParserOption, string>();
  for (const [key, option] of Object.entries<AnyOption>(command.options)) {
    const argument = option.kind === 'flag' ? '' : ` <${option.argument}>`;
    for (const [index, spelling] of option.spellings.entries()) {
      const parserOption = new ParserOption(`${spelling}${argument}`, option.description).hideHelp(index > 0);
      if (index === 0) terms.set(parserOption, option.spellings.join(', ') + argument);
      parser.addOption(parserOption);
      parser.on(`option:${parserOption.name()}`, (value: string | undefined) => onGiven(key, option, value));
    }
  }
  parser.configureHelp({
    helpWidth: width,
    visibleArguments: () => [],
    optionTerm: (option) => terms.get(option) ?? option.flags,
  });
  parser.addHelpText('after', `\nExamples:\n${command.examples.map((example) => `  ${example}\n`).join('')}`);
  return parser;
}

/** What to use instead of options that people expect from other tools. */
const insteadOf: Readonly<Record<string, string>> = {
  '--password':
    'no option takes a password on the command line, where every process of this machine could read it: use --password-file FILE, --password-fd N or --secrets FILE, or let it be asked for',
  '--passphrase':
    'no option takes a passphrase on the command line, where every process of this machine could read it: use --secrets FILE, or let it be asked for',
  '--sudo-password':
    'no option takes a password on the command line, where every process of this machine could read it: use --sudo-password-file FILE, --sudo-password-fd N or --secrets FILE',
};
const passwordOptions = ['--password', '--pass', '--passwd', '--passphrase', '--sudo-password'];

function parserFailure(
  command: Pick<Command, 'name' | 'options' | 'passThrough'>,
  error: CommanderError,
  args: readonly string[],
): Result<never> {
  const help = `pogo ${command.name} --help lists the options`;
  const spelling = /'([^']*)'/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.unknownOption') {
    const equals = spelling.indexOf('=');
    const name = equals < 0 ? spelling : spelling.slice(0, equals);
    const shown = name.startsWith('--') ? name : name.slice(0, 2);
    if (passwordOptions.includes(name)) {
      const advice = insteadOf[name in insteadOf ? name : '--password'];
      return usageFailure('unknown-option', `unknown option ${name}: ${advice}`);
    }
    const known = Object.values<AnyOption>(command.options).flatMap((option) => option.spellings);
    const passed = command.passThrough === true ? '; what is meant for the command comes after --' : '';
    const similar = similarTo(shown, [...known, '--help']);
    return usageFailure(
      'unknown-option',
      `unknown option ${shown} of pogo ${command.name}${similar === undefined ? '' : `: did you mean ${similar}?`}; ${help}${passed}`,
    );
  }
  if (error.code === 'commander.optionMissingArgument') {
    const last = args.at(-1);
    return usageFailure('missing-value', `option ${spelling || last} needs a value; ${help}`);
  }
  return usageFailure('usage', `${error.message.replace(/^error: /, '')}; ${help}`);
}
