/** `pogo ns log`: the versions of the namespace's file that are kept, with who applied them and when. */
import type { Environment } from '../environment.js';
import type { ExitCode, Result } from '../failure.js';
import { table } from '../render/table.js';
import { timeText } from '../render/time.js';
import { printed } from './printed.js';
import { withNamespace } from './namespace-session.js';

export function listVersions(
  environment: Environment,
  { namespace: named, json }: { readonly namespace: string | undefined; readonly json: boolean },
): Promise<Result<ExitCode>> {
  return withNamespace(environment, named, async ({ dispatcher, namespace }) => {
    const found = await dispatcher.namespaceVersions(namespace);
    if (!found.ok) return found;
    if (json) return printed(environment, `${JSON.stringify(found.value, undefined, 2)}\n`);
    const { versions } = found.value;
    if (versions.length === 0) {
      environment.stderr.write('no namespace file was applied yet: `pogo ns apply FILE` applies one\n');
      return printed(environment, '');
    }
    const rows = versions.map(({ version, appliedAtMs, appliedBy, inForce }) => [
      String(version),
      appliedAtMs === undefined ? 'not known' : timeText(appliedAtMs),
      appliedBy ?? 'not known',
      inForce ? 'in force' : '',
    ]);
    return printed(environment, table([['version', 'applied', 'by', ''], ...rows]));
  });
}
