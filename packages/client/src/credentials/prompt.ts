import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { Secret } from '@pogo/protocol';

export type Answer =
  | { readonly kind: 'answered'; readonly value: Secret }
  /** Nothing was typed. */
  | { readonly kind: 'empty' }
  /** Ctrl-C, Ctrl-D, or the terminal went away. */
  | { readonly kind: 'declined' }
  /** There is no terminal. */
  | { readonly kind: 'nobody' };

/** Asks a person. */
export interface Prompter {
  /** For a secret, which is not shown. */
  ask(question: string): Promise<Answer>;
  /** For a yes; undefined when nobody can be asked. Nothing typed is a no. */
  confirm(question: string): Promise<boolean | undefined>;
}

/** Asks on the controlling terminal, whatever stdin and stdout are. */
export const terminalPrompter: Prompter = {
  async ask(question) {
    const answer = await onTerminal(async (terminal) => {
      const { password } = await import('@inquirer/prompts');
      return password({ message: question, mask: false, toggleMask: false }, terminal);
    });
    if (answer.kind !== 'answered') return answer;
    return answer.value === '' ? { kind: 'empty' } : { kind: 'answered', value: new Secret(answer.value) };
  },
  async confirm(question) {
    const answer = await onTerminal(async (terminal) => {
      const { confirm } = await import('@inquirer/prompts');
      return confirm({ message: question, default: false }, terminal);
    });
    return answer.kind === 'nobody' ? undefined : answer.kind === 'answered' && answer.value;
  },
};

interface Terminal {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

async function onTerminal<T>(
  ask: (terminal: Terminal) => Promise<T>,
): Promise<{ kind: 'answered'; value: T } | { kind: 'declined' } | { kind: 'nobody' }> {
  const terminal = openTerminal();
  if (terminal === undefined) return { kind: 'nobody' };
  try {
    return { kind: 'answered', value: await ask(terminal) };
  } catch {
    return { kind: 'declined' };
  } finally {
    terminal.input.destroy();
    terminal.output.destroy();
  }
}

function openTerminal(): Terminal | undefined {
  try {
    return {
      input: new ReadStream(openSync('/dev/tty', 'r+')),
      output: new WriteStream(openSync('/dev/tty', 'w')),
    };
  } catch {
    return undefined;
  }
}
