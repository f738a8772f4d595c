import { filesNeeded, foldTargets, parseTargets } from '@pogo/core';
import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import type { Environment } from '../environment.js';
import { type Result, success, usageFailure } from '../failure.js';
import { hostInformationText } from '../render/host-text.js';
import { readTargets } from '../targets/targets.js';
import { printed } from './printed.js';
import { namespaceOption, withNamespace } from './namespace-session.js';

/** What the dispatcher answers about at most, at once. */
const maxHosts = 10_000;

/** What fits into the first line of a request with room to spare, in bytes as it is sent. */
const maxExpressionBytes = 8000;

export default command({
  name: 'hosts',
  summary:
    'Shows what the namespace knows about hosts: groups, slots and how much of each is in use, and by which jobs.',
  operands: 'EXPR…',
  operandCount: { min: 1 },
  examples: [
    'pogo hosts web1.east',
    "pogo hosts '@frontend&@coast:east'    # groups are those of the namespace",
    "pogo hosts 'web*' --json",
  ],
  options: { namespace: namespaceOption, json: flag('--json', 'as a JSON document') },
  async run({ environment, options, operands }) {
    const targets = await askedHosts(operands, environment);
    if (!targets.ok) return targets;
    return withNamespace(environment, options.namespace, async ({ dispatcher, namespace }) => {
      const found = await dispatcher.hostInformation(namespace, { targets: targets.value, limit: maxHosts });
      if (!found.ok) return found;
      if (options.json === true)
        return printed(environment, `${JSON.stringify(found.value, undefined, 2)}\n`);
      const { hosts, more } = found.value;
      if (hosts.length === 0) environment.stderr.write('the expression names no host\n');
      if (more > 0) environment.stderr.write(`${more} more are not shown: at most ${maxHosts} are at once\n`);
      return printed(environment, hostInformationText(hosts));
    });
  },
});

/** The dispatcher knows the groups, and only the client has its files: an expression with files is expanded here. */
async function askedHosts(operands: readonly string[], environment: Environment): Promise<Result<string>> {
  const readsFiles = operands.some((operand) => {
    const parsed = parseTargets(operand);
    // One that can't be read is explained as every command does.
    return !parsed.ok || filesNeeded(parsed.expression).length > 0;
  });
  let expression = operands.join(' ');
  if (readsFiles) {
    const targets = await readTargets({ expressions: operands, hostFiles: [], excluded: [] }, environment);
    if (!targets.ok) return targets;
    expression = foldTargets(targets.value);
  }
  if (encodeURIComponent(expression).length > maxExpressionBytes)
    return usageFailure(
      'too-many-targets',
      `the hosts take more than ${maxExpressionBytes} bytes to name: ask about fewer at once, or about a group`,
    );
  return success(expression);
}
