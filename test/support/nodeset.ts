/** ClusterShell as Debian's package `clustershell` installs it: its command, and its library for many questions at once. */
import { type CommandResult, mustRun, runCommand } from '@pogo/testkit';

export type NodesetAnswer =
  | {
      /** In its order: by name, then by the numbers' length and value. */
      readonly hosts: readonly string[];
      /** As `nodeset --fold` writes them. */
      readonly folded: string;
      /** As `nodeset --fold --autostep=4` does: with steps where four numbers or more are evenly apart. */
      readonly stepped: string;
    }
  | { readonly refused: string };

/** Does with each line of terms what the command does with its arguments. */
const program = `
import json, sys
from ClusterShell.NodeSet import NodeSet

def answer(terms):
    try:
        nodes = NodeSet()
        for term in terms:
            nodes.update(NodeSet(term))
        hosts, folded = list(nodes), str(nodes)
        assert len(nodes) == len(hosts)
        nodes.autostep = 4
        return {'hosts': hosts, 'folded': folded, 'stepped': str(nodes)}
    except Exception as error:
        return {'refused': '%s: %s' % (type(error).__name__, error)}

for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))))
`;

/** What the library makes of each union of terms. */
export async function askNodeset(questions: readonly (readonly string[])[]): Promise<NodesetAnswer[]> {
  const stdin = questions.map((terms) => `${JSON.stringify(terms)}\n`).join('');
  const stdout = await mustRun('/usr/bin/python3', ['-c', program], { stdin });
  const answers = stdout.split('\n').slice(0, -1);
  if (answers.length !== questions.length) {
    throw new Error(`${answers.length} answers to ${questions.length} questions`);
  }
  return answers.map((line) => JSON.parse(line) as NodesetAnswer);
}

/** Runs the command itself. */
export function nodeset(args: readonly string[], stdin?: string): Promise<CommandResult> {
  return runCommand('/usr/bin/nodeset', args, stdin === undefined ? {} : { stdin });
}
