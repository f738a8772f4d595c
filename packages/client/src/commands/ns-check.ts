/** `pogo ns check FILE`: what a namespace file comes to, or everything that is wrong with it. Asks no dispatcher. */
import type { Namespace } from '@pogo/core';
import { type CheckedNamespace, type FileProblem, maxNamespaceFileBytes } from '@pogo/protocol';
import type { Environment } from '../environment.js';
import { type ExitCode, type Result, success } from '../failure.js';
import { checkFileWithInventories } from '../inventory/check-file.js';
import { readAtMost } from '../read-at-most.js';
import { reportWarnings, shownProblem } from '../render/file-problems.js';
import { table } from '../render/table.js';
import { printed } from './printed.js';
import { reportProblems } from './report-problems.js';

export async function checkFile(
  environment: Environment,
  path: string,
  json: boolean,
): Promise<Result<ExitCode>> {
  const read = await readNamespaceFile(environment, path);
  if (!read.ok) return read;
  const { file, checked } = read.value;
  if (!checked.ok) return reportWrongNamespace(environment, file, checked.problems, json);
  const { namespace, warnings } = checked;
  if (json)
    return printed(
      environment,
      jsonText({ ok: true, file, ...summaryOf(namespace), warnings: warnings.map(shownProblem) }),
    );
  reportWarnings(environment, warnings);
  return printed(environment, summaryText(namespace));
}

export interface NamespaceFile {
  /** As messages name it. */
  readonly file: string;
  /** What is to be applied: the file itself, with the hosts of its inventories; what isn't UTF-8 has problems. */
  readonly content: Uint8Array;
  readonly checked: CheckedNamespace;
}

/** Reads and checks a file, or standard input for `-`. */
export async function readNamespaceFile(
  environment: Environment,
  path: string,
): Promise<Result<NamespaceFile>> {
  const content = await readAtMost(environment, path, {
    what: 'namespace file',
    maxBytes: maxNamespaceFileBytes + 1,
  });
  if (!content.ok) return content;
  const file = path === '-' ? 'standard input' : path;
  const checked = await checkFileWithInventories(environment, { path, file, content: content.value });
  return checked.ok ? success({ file, ...checked.value }) : checked;
}

/** Says what is wrong with a file; the answer is that, or exit code 2. */
export function reportWrongNamespace(
  environment: Environment,
  file: string,
  problems: readonly FileProblem[],
  json: boolean,
): Promise<Result<ExitCode>> {
  const consequence = 'no namespace can be made of it';
  return reportProblems(environment, { file, problems, code: 'invalid-namespace', consequence }, json);
}

function jsonText(document: unknown): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function summaryOf({ definition, hosts, groups, slots, stages }: Namespace) {
  return {
    hosts: hosts.length,
    apps: Object.keys(definition.apps).map((name) => ({ name, hosts: groups.app(name)!.length })),
    environments: Object.entries(definition.envs).flatMap(([type, values]) =>
      Object.keys(values).map((value) => ({ type, value, hosts: groups.environment(type, value)!.length })),
    ),
    slots: slots.map(({ name, app, type, value, members, limit, written, roundedUp }) => {
      return { name, app, type, value, hosts: members, limit, written, roundedUp };
    }),
    stages: stages.map(({ name, after }) => ({ name, after: after.map((index) => stages[index]!.name) })),
  };
}

function summaryText(namespace: Namespace): string {
  const { hosts, apps, environments, slots, stages } = summaryOf(namespace);
  const sections = [
    `${hosts} ${hosts === 1 ? 'host' : 'hosts'}\n`,
    section(
      ['app', 'hosts'],
      apps.map((app) => [app.name, String(app.hosts)]),
    ),
    section(
      ['environment', 'hosts'],
      environments.map(({ type, value, hosts: count }) => [`${type}:${value}`, String(count)]),
    ),
    section(
      ['slot', 'hosts', 'at once'],
      slots.map(({ name, hosts: count, limit, written }) => {
        return [name, String(count), written === String(limit) ? written : `${limit} (${written})`];
      }),
    ),
    section(
      ['step', 'after'],
      stages.filter(({ after }) => after.length > 0).map(({ name, after }) => [name, after.join(', ')]),
    ),
  ];
  return sections.filter((text) => text !== '').join('\n');
}

function section(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? '' : table([heading, ...rows]);
}
