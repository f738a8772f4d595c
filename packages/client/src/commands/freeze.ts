import { defaultNamespace } from '@pogo/core';
import type { NamespaceDocument } from '@pogo/protocol';
import { command } from '../command-line/command.js';
import { flag, one, text } from '../command-line/option.js';
import { exitCodes, type Failure, failed, success } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { freezeText } from '../render/standing-text.js';
import { contradiction } from '../run/contradiction.js';
import { printed } from './printed.js';
import { namespaceOption, withNamespace } from './namespace-session.js';

export default command({
  name: 'freeze',
  summary:
    'Lets nothing new start in any job, or in one slot such as frontend@coast=east, until it is lifted. Running commands go on.',
  operands: '[SLOT]',
  operandCount: { min: 0, max: 1 },
  examples: [
    'pogo freeze --note "disks are full"',
    'pogo freeze frontend@coast=east',
    'pogo freeze --lift frontend@coast=east',
    'pogo ns show --slots          # what is frozen, and by whom',
  ],
  options: {
    lift: flag('--lift', 'lift the freeze'),
    note: one('--note', 'why, for those whose jobs wait', { argument: 'TEXT', parse: text }),
    namespace: namespaceOption,
    json: flag('--json', 'the namespace as a JSON document'),
  },
  run: ({ environment, options, operands }) => {
    const { lift = false, note, json = false } = options;
    if (lift && note !== undefined) return Promise.resolve(contradiction('--lift', '--note'));
    const [slot] = operands;
    return withNamespace(environment, options.namespace, async ({ dispatcher, namespace }) => {
      const named = slot === undefined ? {} : { slot };
      const answer = await (lift
        ? dispatcher.thaw(namespace, named)
        : dispatcher.freeze(namespace, { ...named, ...(note !== undefined && { note }) }));
      if (!answer.ok) return failed(explained(answer.failure));
      if (json) return printed(environment, `${JSON.stringify(answer.value, undefined, 2)}\n`);
      const said = lift ? thawedText(answer.value, slot) : frozenText(answer.value, slot);
      environment.stderr.write(`${neutralise(said)}\n`);
      return success(exitCodes.success);
    });
  },
});

/** Who froze it first is who is named. */
function frozenText(namespace: NamespaceDocument, slot: string | undefined): string {
  const freeze =
    slot === undefined
      ? namespace.frozen
      : (namespace.slots.find(({ name }) => name === slot)?.frozen ??
        namespace.frozenElsewhere?.find((one) => one.slot === slot));
  const what = slot ?? `namespace ${namespace.name}`;
  const how = freeze === undefined ? 'frozen' : freezeText(freeze);
  const elsewhere = namespace.name === defaultNamespace.name ? '' : ` --namespace ${namespace.name}`;
  return `${what} is ${how}: nothing new starts there, what runs goes on; \`pogo freeze --lift${elsewhere}${slot === undefined ? '' : ` ${slot}`}\` lifts it`;
}

function thawedText({ name }: NamespaceDocument, slot: string | undefined): string {
  return `${slot ?? `namespace ${name}`} is not frozen any more`;
}

function explained(failure: Failure): Failure {
  return failure.code === 'unknown-slot'
    ? { ...failure, message: `${failure.message}\n\`pogo ns show --slots\` shows them.` }
    : failure;
}
