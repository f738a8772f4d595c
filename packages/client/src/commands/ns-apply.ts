/** `pogo ns apply FILE`: makes a file the namespace's version in force, once it is seen here that nothing is wrong with it. */
import type { NamespaceDocument } from '@pogo/protocol';
import type { Environment } from '../environment.js';
import { type ExitCode, type Failure, failed, type Result } from '../failure.js';
import { neutralise } from '../render/escape.js';
import { reportWarnings } from '../render/file-problems.js';
import { namespaceHeading, slotTable } from '../render/namespace-text.js';
import { readNamespaceFile, reportWrongNamespace } from './ns-check.js';
import { printed } from './printed.js';
import { withNamespace } from './namespace-session.js';

export async function applyFile(
  environment: Environment,
  path: string,
  options: {
    readonly namespace: string | undefined;
    readonly ifVersion: number | undefined;
    readonly create: boolean;
    readonly json: boolean;
  },
): Promise<Result<ExitCode>> {
  const read = await readNamespaceFile(environment, path);
  if (!read.ok) return read;
  const { file, content, checked } = read.value;
  if (!checked.ok) return reportWrongNamespace(environment, file, checked.problems, options.json);
  const text = Buffer.from(content).toString('utf8');
  return withNamespace(environment, options.namespace, async ({ dispatcher, namespace }) => {
    const applied = await dispatcher.applyNamespace(namespace, { file, text }, options);
    if (!applied.ok) return failed(explained(applied.failure));
    if (options.json) return printed(environment, `${JSON.stringify(applied.value, undefined, 2)}\n`);
    reportWarnings(environment, checked.warnings);
    // Those that were found here have their line.
    const found = new Set(checked.warnings.map(({ message }) => message));
    for (const warning of applied.value.warnings.filter((message) => !found.has(message)))
      environment.stderr.write(`warning: ${neutralise(warning)}\n`);
    return printed(environment, appliedText(applied.value));
  });
}

function appliedText(applied: NamespaceDocument): string {
  const slots = slotTable(applied.slots);
  return `${namespaceHeading(applied)}\n${slots === '' ? '' : `\n${slots}`}`;
}

function explained(failure: Failure): Failure {
  const advice = adviceFor(failure.code);
  return advice === undefined ? failure : { ...failure, message: `${withStop(failure.message)} ${advice}` };
}

function adviceFor(code: string): string | undefined {
  switch (code) {
    case 'namespace-changed':
      return '`pogo ns show` shows it, and `pogo ns show --json` its version.';
    case 'dispatcher-unreachable':
      return 'Whether the file was applied is not known: see `pogo ns show` before you apply it again.';
    default:
      return undefined;
  }
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
