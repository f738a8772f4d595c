/** `pogo ns show`: the file that is in force, or was, byte for byte; or its slots and how much of each is in use. */
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failed, type Result } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { freezeLines, slotTable } from '../render/namespace-text.js';
import { printed } from './printed.js';
import { withNamespace } from './namespace-session.js';

/** The file of an earlier version, byte for byte. */
export function showVersion(
  environment: Environment,
  version: number,
  { namespace: named, json }: { readonly namespace: string | undefined; readonly json: boolean },
): Promise<Result<ExitCode>> {
  return withNamespace(environment, named, async ({ dispatcher, namespace }) => {
    const shown = await dispatcher.namespaceVersion(namespace, version);
    if (!shown.ok) return shown;
    if (json) return printed(environment, `${JSON.stringify(shown.value, undefined, 2)}\n`);
    const { text } = shown.value;
    return printed(environment, environment.stdout.isTTY === true ? neutralise(text) : text);
  });
}

export function showNamespace(
  environment: Environment,
  options: { readonly namespace: string | undefined; readonly slots: boolean; readonly json: boolean },
): Promise<Result<ExitCode>> {
  return withNamespace(environment, options.namespace, async ({ dispatcher, namespace }) => {
    const shown = await dispatcher.namespace(namespace);
    if (!shown.ok) return shown;
    const { version, text, slots } = shown.value;
    if (options.json) return printed(environment, `${JSON.stringify(shown.value, undefined, 2)}\n`);
    const frozen = freezeLines(shown.value);
    if (options.slots && version === 0 && frozen !== '') return printed(environment, frozen);
    if (version === 0 || text === undefined) {
      return failed({
        code: 'no-namespace-file',
        message: `no namespace file was applied at ${dispatcher.url} yet: \`pogo ns apply FILE\` applies one`,
        exitCode: exitCodes.error,
      });
    }
    if (!options.slots)
      return printed(environment, environment.stdout.isTTY === true ? neutralise(text) : text);
    if (slots.length === 0) environment.stderr.write(`version ${version} has no limits\n`);
    return printed(environment, `${slotTable(slots)}${frozen}`);
  });
}
