/** `pogo ns list`: which namespaces there are. */
import type { Environment } from '../environment.js';
import type { ExitCode, Result } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { freezeText } from '../render/standing-text.js';
import { table } from '../render/table.js';
import { printed } from './printed.js';
import { withDispatcher } from './session.js';

export function listNamespaces(environment: Environment, json: boolean): Promise<Result<ExitCode>> {
  return withDispatcher(environment, async ({ dispatcher }) => {
    const found = await dispatcher.namespaces();
    if (!found.ok) return found;
    if (json) return printed(environment, `${JSON.stringify(found.value, undefined, 2)}\n`);
    const rows = found.value.namespaces.map(({ name, isLed, version, hosts, openJobs, frozen }) =>
      isLed
        ? [
            name,
            version === 0 ? 'none' : String(version),
            String(hosts),
            String(openJobs),
            frozen === undefined ? '' : neutralise(freezeText(frozen)),
          ]
        : [name, '', '', '', 'not available just now'],
    );
    return printed(environment, table([['namespace', 'version', 'hosts', 'open jobs', ''], ...rows]));
  });
}
