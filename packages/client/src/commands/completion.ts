import type { Command } from '../command-line/command.js';
import { command } from '../command-line/command.js';
import { usageFailure } from '../failure.js';
import { printed } from './printed.js';

const shells = ['bash', 'zsh', 'fish'] as const;

export default command({
  name: 'completion',
  summary: 'Prints a script that makes a shell complete the verbs and options of pogo.',
  operands: 'bash | zsh | fish',
  operandCount: { min: 1, max: 1 },
  completes: shells,
  examples: [
    'source <(pogo completion bash)',
    'pogo completion zsh > "${fpath[1]}/_pogo"',
    'pogo completion fish > ~/.config/fish/completions/pogo.fish',
  ],
  options: {},
  async run({ environment, operands, verbs }) {
    const shell = shells.find((candidate) => candidate === operands[0]);
    if (shell === undefined) {
      return usageFailure('invalid-value', `${JSON.stringify(operands[0])} is none of ${shells.join(', ')}`);
    }
    const commands: Command[] = await Promise.all(verbs.map((verb) => verb.load()));
    const { completionScript } = await import('../command-line/completion-script.js');
    return printed(environment, completionScript(shell, commands));
  },
});
