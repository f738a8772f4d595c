/** Reads one configuration file: YAML, every key and value checked, each error with its line and column. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { failed, type Result, success, usageFailure } from '../failure.js';
import { similarTo } from '../command-line/similar.js';
import { isUrl, pathFrom } from './path-from.js';
import { parseList, type Setting, type SettingName, settings } from './settings.js';

export type SettingValues = ReadonlyMap<SettingName, unknown>;

export function parseConfigurationFile(
  path: string,
  content: string,
  homeDirectory: string,
): Result<SettingValues> {
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const wrong = (code: string, node: Node, message: string) =>
    usageFailure(code, `${at(node.range?.[0] ?? 0)}: ${message}`);

  const syntaxError = document.errors[0];
  if (syntaxError !== undefined) {
    return usageFailure(
      'invalid-configuration',
      `${at(syntaxError.pos[0])}: not valid YAML: ${syntaxError.message}`,
    );
  }
  const values = new Map<SettingName, unknown>();
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return success(values);
  if (!isMap<Node, Node | null>(root)) {
    return wrong('invalid-configuration', root, 'expected keys and values, such as "user: deploy"');
  }
  for (const { key, value } of root.items) {
    const name = String(isScalar(key) ? key.value : key);
    if (!isSettingName(name)) {
      const similar = similarTo(name, Object.keys(settings));
      const advice =
        similar === undefined ? `known are ${Object.keys(settings).join(', ')}` : `did you mean ${similar}?`;
      return wrong('unknown-setting', key, `unknown key ${JSON.stringify(name)}: ${advice}`);
    }
    const setting: Setting = settings[name];
    const read = readValue(setting, value ?? key);
    if (!read.ok) {
      return wrong('invalid-setting', read.node ?? value ?? key, `${name}: ${read.failure.message}`);
    }
    values.set(name, setting.isPath ? pathsFrom(path, read.value, homeDirectory) : read.value);
  }
  return success(values);
}

function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settings, name);
}

type ReadValue = Result<unknown> & { readonly node?: Node };

function readValue(setting: Setting, node: Node): ReadValue {
  if (setting.kind === 'one') {
    const value = setting.isBoolean === true ? booleanText(node) : scalarText(node);
    return value === undefined ? usageFailure('invalid-setting', 'expected one value') : setting.parse(value);
  }
  const items = isSeq<Node>(node) ? node.items : [node];
  const values: unknown[] = [];
  for (const item of items) {
    const value = scalarText(item);
    const parsed =
      value === undefined
        ? usageFailure('invalid-setting', 'expected a list of single values')
        : parseList(setting, [value]);
    if (!parsed.ok) return { ...failed(parsed.failure), node: item };
    values.push(...parsed.value);
  }
  return success(values);
}

/** A scalar as it was written; undefined for anything else, an absent value among them. */
function scalarText(node: Node): string | undefined {
  if (!isScalar(node) || node.value === null || typeof node.value === 'boolean') return undefined;
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
}

/** What YAML reads as true or false, as such; other scalars as they were written. */
function booleanText(node: Node): string | undefined {
  return isScalar(node) && typeof node.value === 'boolean' ? String(node.value) : scalarText(node);
}

/** Paths are relative to the file that has them; what may be a URL stays one. */
function pathsFrom(file: string, value: unknown, homeDirectory: string): unknown {
  if (Array.isArray(value)) return value.map((item) => pathsFrom(file, item, homeDirectory));
  const text = String(value);
  return isUrl(text) ? text : pathFrom(file, text, homeDirectory);
}
