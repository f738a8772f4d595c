/** Reads the dispatcher's configuration file; everything wrong with it is told with its line. */
import { dirname, isAbsolute, resolve } from 'node:path';
import { type DispatcherConfiguration, dispatcherConfigurationSchema } from '@pogo/protocol';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';

/** With every path absolute, defaults filled in. */
export type ResolvedConfiguration = DispatcherConfiguration & { attachments: string };

export type ConfigurationOutcome =
  | { ok: true; configuration: ResolvedConfiguration }
  /** One message per fault: `FILE:LINE:COLUMN: what, why`. */
  | { ok: false; messages: string[] };

/** Checks the text of a configuration file at `path`; paths in the result are absolute. */
export function parseConfiguration(text: string, path: string): ConfigurationOutcome {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  if (document.errors.length > 0) {
    return { ok: false, messages: document.errors.map((error) => `${at(error.pos[0])}: ${error.message}`) };
  }
  const parsed = dispatcherConfigurationSchema.safeParse(document.toJS() ?? {});
  if (!parsed.success) {
    const messages = parsed.error.issues.flatMap((issue) =>
      faultsOf(issue).map(({ keys, message }) => {
        const where = at(offsetOf(document, keys));
        return `${where}: ${keys.length > 0 ? `${keys.join('.')}: ` : ''}${message}`;
      }),
    );
    return { ok: false, messages };
  }
  return { ok: true, configuration: withAbsolutePaths(parsed.data, dirname(resolve(path))) };
}

function faultsOf(issue: z.core.$ZodIssue): { keys: (string | number)[]; message: string }[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ keys: [...path, key], message: 'unknown key' }));
  }
  return [{ keys: path, message: issue.message }];
}

/** Where the key, or what is nearest to it, stands in the text. */
function offsetOf(document: Document, keys: readonly (string | number)[]): number {
  for (let depth = keys.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(keys.slice(0, depth - 1), true);
    if (isMap(parent)) {
      for (const pair of parent.items) {
        if (isScalar(pair.key) && pair.key.value === keys[depth - 1]) return pair.key.range?.[0] ?? 0;
      }
    }
    const node: unknown = document.getIn(keys.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

const fileMembers = [
  'linkKey',
  'linkCertificate',
  'linkRoot',
  'sealingRoot',
  'tokenFile',
] as const satisfies (keyof DispatcherConfiguration)[];

function withAbsolutePaths(configuration: DispatcherConfiguration, base: string): ResolvedConfiguration {
  const absolute = {
    ...configuration,
    store: absoluteStore(configuration.store, base),
    attachments: resolve(base, configuration.attachments ?? 'attachments'),
  };
  for (const member of fileMembers) absolute[member] = resolve(base, configuration[member]);
  return absolute;
}

function absoluteStore(url: string, base: string): string {
  if (url.startsWith('zookeeper:')) {
    return url.replace(
      /([?&](?:digestFile|storeKeyFile)=)([^&#]+)/g,
      (_, name: string, file: string) =>
        `${name}${encodeURIComponent(resolve(base, decodedOr(file))).replaceAll('%2F', '/')}`,
    );
  }
  const directory = /^embedded:(.+)$/s.exec(url)?.[1];
  return directory === undefined || isAbsolute(directory) ? url : `embedded:${resolve(base, directory)}`;
}

/** The file's name as the URL means it; as it stands there where that is no encoding. */
function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
