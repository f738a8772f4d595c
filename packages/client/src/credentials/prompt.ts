import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { Secret } from '@pogo/protocol';

/** Asks a person for a secret. */
export interface Prompter {
  /** The answer; undefined when nobody can be asked, or they declined. */
  ask(question: string): Promise<Secret | undefined>;
}

/** Asks on the controlling terminal, whatever stdin and stdout are; the answer is not shown. */
export const terminalPrompter: Prompter = {
  async ask(question) {
    const terminal = openTerminal();
    if (terminal === undefined) return undefined;
    const { password } = await import('@inquirer/prompts');
    try {
      const answer = await password({ message: question, mask: false, toggleMask: false }, terminal);
      return answer === '' ? undefined : new Secret(answer);
    } catch {
      // Declined: Ctrl-C, Ctrl-D or a closed terminal.
      return undefined;
    } finally {
      terminal.input.destroy();
      terminal.output.destroy();
    }
  },
};

function openTerminal(): { input: ReadStream; output: WriteStream } | undefined {
  try {
    return {
      input: new ReadStream(openSync('/dev/tty', 'r+')),
      output: new WriteStream(openSync('/dev/tty', 'w')),
    };
  } catch {
    return undefined;
  }
}
