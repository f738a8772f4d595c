import type { JobRequest } from '@pogo/protocol';
import { type Result, success, usageFailure } from '../failure.js';

type Command = JobRequest['command'];

/** White space, or a character that means something to a shell. */
const shellCharacters = /[\s|&;<>()$`\\"'*?[\]#~=%!{}^]/;

/**
 * The command of a job. One operand that contains white space or shell characters is a shell string; otherwise operands
 * are program and arguments, which arrive byte for byte. `forced` decides instead.
 */
export function commandOf(
  operands: readonly string[],
  forced: 'shell' | 'argv' | undefined,
): Result<Command> {
  if (operands.length === 0) {
    return usageFailure(
      'no-command',
      'no command was given: put it after --, as in pogo run -h web1 -- uptime',
    );
  }
  const [first] = operands as [string];
  const shell =
    forced === 'shell' || (forced === undefined && operands.length === 1 && shellCharacters.test(first));
  if (!shell) {
    if (first === '') return usageFailure('no-command', 'the program to run has an empty name');
    return success({ kind: 'argv', argv: [...operands] });
  }
  if (operands.length > 1) {
    return usageFailure(
      'shell-takes-one',
      '--shell takes the whole command as one operand: put it in quotes, as in --shell "cd /tmp && ls"',
    );
  }
  if (first.trim() === '') return usageFailure('no-command', 'the shell string is empty');
  return success({ kind: 'shell', script: first });
}

/** The command as one line for people. */
export function commandText(command: Command): string {
  if (command.kind === 'shell') return command.script;
  const words = command.kind === 'argv' ? command.argv : [command.name, ...command.args];
  return words.map((argument) => (/^[\w@%+=:,./-]+$/.test(argument) ? argument : quoted(argument))).join(' ');
}

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
