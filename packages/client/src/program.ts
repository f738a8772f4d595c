/** One run of `pogo`: finds the verb, parses its arguments, runs it, and says on stderr what went wrong. */
import type { Verb } from './command-line/command.js';
import { parseCommandLine } from './command-line/parse-command-line.js';
import { similarTo } from './command-line/similar.js';
import type { Environment } from './environment.js';
import { type ExitCode, exitCodes, type Failure, failureText } from './failure.js';
import { findVerb, verbGroups, verbs } from './verbs.js';

/** For main.ts, which loads this module alone. */
export { failureText } from './failure.js';
export { systemClock } from '@pogo/lifecycle';

export async function runProgram(environment: Environment): Promise<ExitCode> {
  const [name, ...args] = environment.arguments;
  // Nobody reads us any more: what we say is lost, and that is no reason to die.
  environment.stderr.on('error', () => undefined);
  if (name === undefined || name === '--help' || name === '-?' || name === 'help') {
    return overview(environment, name === undefined);
  }
  const verb = findVerb(name);
  if (verb === undefined) return fail(environment, unknownVerb(name));
  const command = await verb.load();
  const parsed = parseCommandLine(command, args, environment.stdout.columns || 80);
  if (!parsed.ok) return fail(environment, parsed.failure);
  if (parsed.value.kind === 'help') return print(environment, parsed.value.text, exitCodes.success);
  const { options, operands } = parsed.value;
  try {
    const result = await command.run({ environment, options, operands, verbs });
    return result.ok ? result.value : await fail(environment, result.failure);
  } catch (error) {
    return fail(environment, internalError(error, environment.variables['POGO_DEBUG']));
  }
}

/** A bug of ours: said as such, and with its stack only for those who ask for it. */
export function internalError(error: unknown, debug: string | undefined): Failure {
  const what =
    error instanceof Error ? (debug ? (error.stack ?? error.message) : error.message) : String(error);
  return {
    code: 'internal-error',
    message: `this should not have happened: ${what}. Please report it, with what POGO_DEBUG=1 adds`,
    exitCode: exitCodes.error,
  };
}

function overview(environment: Environment, missing: boolean): Promise<ExitCode> {
  const width = Math.max(...verbs.map(({ name }) => name.length));
  const line = ({ name, summary }: Verb) => `  ${name.padEnd(width)}  ${summary}\n`;
  const list = verbGroups
    .map(({ title, verbs: group }) => `${title}:\n${group.map(line).join('')}`)
    .join('\n');
  const text = `Usage: pogo VERB [options]\n\nRuns commands safely on many machines in parallel.\n\n${list}
pogo VERB --help shows a verb's options, with examples; pogo --version the version.

Examples:
  pogo up
  pogo run -h 'web[1-40].east' --identity ~/.ssh/id_ed25519 -- uptime
`;
  if (missing)
    return fail(environment, {
      code: 'usage',
      message: `no verb was given.\n\n${text}`,
      exitCode: exitCodes.usage,
    });
  return print(environment, text, exitCodes.success);
}

function unknownVerb(name: string): Failure {
  if (name.startsWith('-')) {
    return {
      code: 'usage',
      message: `options come after the verb: pogo VERB ${name.split('=')[0]} …; pogo --help lists the verbs`,
      exitCode: exitCodes.usage,
    };
  }
  const similar = similarTo(
    name,
    verbs.map((verb) => verb.name),
  );
  const advice = similar === undefined ? 'pogo --help lists the verbs' : `did you mean ${similar}?`;
  return {
    code: 'unknown-verb',
    message: `there is no verb ${JSON.stringify(name)}: ${advice}`,
    exitCode: exitCodes.usage,
  };
}

function fail(environment: Environment, failure: Failure): Promise<ExitCode> {
  return new Promise((resolve) =>
    environment.stderr.write(failureText(failure), () => resolve(failure.exitCode)),
  );
}

function print(environment: Environment, text: string, code: ExitCode): Promise<ExitCode> {
  environment.stdout.on('error', () => undefined);
  return new Promise((resolve) => environment.stdout.write(text, () => resolve(code)));
}
