import { readFile } from 'node:fs/promises';
import { command } from '../command-line/command.js';
import { flag } from '../command-line/option.js';
import { stateHome } from '../configuration/locations.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, type Result, success, usageFailure } from '../failure.js';
import {
  fingerprintOf,
  type HostKeyLine,
  mergeHostKeys,
  parseHostKeyLines,
  readImportedList,
  removeHost,
  writeImportedList,
} from '../host-keys/imported-list.js';
import { table } from '../render/table.js';
import { systemErrorText } from '../system-error.js';
import { readTargets } from '../targets/targets.js';
import { printed } from './printed.js';

export default command({
  name: 'hostkeys',
  summary: 'Keeps a list of host keys that every job of yours may trust, besides your known_hosts.',
  operands: 'import FILE… | list | remove HOST…',
  operandCount: { min: 1 },
  completes: ['import', 'list', 'remove'],
  examples: [
    'ssh-keyscan web1 > new-keys; pogo hostkeys import new-keys   # compare the fingerprints that it prints',
    'pogo hostkeys list',
    "pogo hostkeys remove 'web[1-3]' db1:2222",
  ],
  options: { json: flag('--json', 'as a JSON document') },
  async run({ environment, options, operands }) {
    const layout = stateHome(environment);
    if (!layout.ok) return layout;
    const path = layout.value.client.importedHostKeys;
    const json = options.json === true;
    const [action, ...rest] = operands;
    if (action === 'list' && rest.length === 0) return list(environment, path, json);
    if (action === 'import' && rest.length > 0) return importFiles(environment, path, rest, json);
    if (action === 'remove' && rest.length > 0) return remove(environment, path, rest, json);
    return usageFailure(
      'usage',
      'pogo hostkeys takes import FILE…, list, or remove HOST…; pogo hostkeys --help shows examples',
    );
  },
});

async function list(environment: Environment, path: string, json: boolean): Promise<Result<ExitCode>> {
  const lines = await readImportedList(path);
  return lines.ok ? show(environment, lines.value, json) : lines;
}

async function importFiles(
  environment: Environment,
  path: string,
  files: readonly string[],
  json: boolean,
): Promise<Result<ExitCode>> {
  const added: HostKeyLine[] = [];
  for (const file of files) {
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      return usageFailure('unreadable-file', `${file}: ${systemErrorText(error)}`);
    }
    const parsed = parseHostKeyLines(text, file);
    if (!parsed.ok) return parsed;
    added.push(...parsed.value.lines);
    for (const { line, text: why } of parsed.value.skipped)
      environment.stderr.write(`${file}:${line}: left out: ${why}\n`);
  }
  const before = await readImportedList(path);
  if (!before.ok) return before;
  const { merged, fresh } = mergeHostKeys(before.value, added);
  const written = await writeImportedList(path, merged, environment.uniqueId());
  if (!written.ok) return written;
  environment.stderr.write(
    `${fresh.length} new, ${added.length - fresh.length} known already; ${merged.length} in ${path}\n`,
  );
  return show(environment, fresh, json);
}

async function remove(
  environment: Environment,
  path: string,
  expressions: readonly string[],
  json: boolean,
): Promise<Result<ExitCode>> {
  const targets = await readTargets({ expressions, hostFiles: [], excluded: [] }, environment);
  if (!targets.ok) return targets;
  const before = await readImportedList(path);
  if (!before.ok) return before;
  let kept: HostKeyLine[] = before.value;
  const removed: HostKeyLine[] = [];
  for (const { host, port = 22 } of targets.value) {
    const without = removeHost(kept, host, port);
    kept = without.kept;
    removed.push(...without.removed);
    const name = port === 22 ? host : `${host}:${port}`;
    for (const { hosts } of without.patterns)
      environment.stderr.write(`${name}: the line for ${hosts} covers it too, and stays\n`);
    if (without.removed.length === 0 && without.patterns.length === 0) {
      environment.stderr.write(
        `${name}: no key in the list (a host on another port than 22 is named HOST:PORT)\n`,
      );
    }
  }
  if (removed.length === 0) return success(exitCodes.error);
  const written = await writeImportedList(path, kept, environment.uniqueId());
  return written.ok ? show(environment, removed, json) : written;
}

function show(
  environment: Environment,
  lines: readonly HostKeyLine[],
  json: boolean,
): Promise<Result<ExitCode>> {
  const described = lines.map((line) => ({
    hosts: line.hosts,
    type: line.key.split(' ')[0]!,
    fingerprint: fingerprintOf(line),
    ...(line.marker !== '' && { marker: line.marker }),
  }));
  if (json) return printed(environment, `${JSON.stringify({ hostKeys: described }, undefined, 2)}\n`);
  const rows = described.map(({ hosts, type, fingerprint, marker }) => [
    hosts.startsWith('|') ? '(hashed name)' : hosts,
    type,
    fingerprint,
    marker ?? '',
  ]);
  return printed(environment, table(rows));
}
