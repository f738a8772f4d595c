/** `pogo ns diff`: what a file, or one version, changes over another version, by what it means. */
import { diffNamespaces, type Namespace, type NamespaceDifference } from '@pogo/core';
import type { Dispatcher } from '../api/dispatcher.js';
import type { Environment } from '../environment.js';
import { type ExitCode, exitCodes, failed, type Result, success } from '../failure.js';
import { namespaceDiffText } from '../render/namespace-diff-text.js';
import { compiledVersion } from '../targets/namespace-groups.js';
import { readNamespaceFile, reportWrongNamespace } from './ns-check.js';
import { printed } from './printed.js';
import { withNamespace } from './namespace-session.js';

/** What is compared. */
export type Compared =
  /** A file with a version; with the one in force where none is named. */
  | { readonly kind: 'file'; readonly path: string; readonly version: number | undefined }
  /** Two versions; the later one is that in force where none is named, the earlier one the one before it. */
  | { readonly kind: 'versions'; readonly from: number | undefined; readonly to: number | undefined };

interface Side {
  /** `version 3`, or the file's name. */
  readonly label: string;
  readonly version: number | null;
  /** Undefined for what was before the first version. */
  readonly namespace: Namespace | undefined;
}

export async function diffNamespace(
  environment: Environment,
  compared: Compared,
  { namespace: named, json }: { readonly namespace: string | undefined; readonly json: boolean },
): Promise<Result<ExitCode>> {
  if (compared.kind === 'versions')
    return withNamespace(environment, named, async ({ dispatcher, namespace }) => {
      const to = await sideOf(dispatcher, namespace, compared.to);
      if (!to.ok) return to;
      const { version } = to.value;
      if (version === null || to.value.namespace === undefined) return noFile(dispatcher);
      const from = await sideOf(dispatcher, namespace, compared.from ?? version - 1);
      return from.ok ? answer(environment, from.value, to.value, json) : from;
    });
  const read = await readNamespaceFile(environment, compared.path);
  if (!read.ok) return read;
  const { file, checked } = read.value;
  if (!checked.ok) return reportWrongNamespace(environment, file, checked.problems, json);
  const to: Side = { label: file, version: null, namespace: checked.namespace };
  return withNamespace(environment, named, async ({ dispatcher, namespace }) => {
    const from = await sideOf(dispatcher, namespace, compared.version);
    return from.ok ? answer(environment, from.value, to, json) : from;
  });
}

async function sideOf(
  dispatcher: Dispatcher,
  name: string,
  wanted: number | undefined,
): Promise<Result<Side>> {
  if (wanted === 0) return success(nothing);
  const shown =
    wanted === undefined ? await dispatcher.namespace(name) : await dispatcher.namespaceVersion(name, wanted);
  if (!shown.ok) return shown;
  const { version, text } = shown.value;
  if (text === undefined) return success(nothing);
  const namespace = await compiledVersion(version, text);
  return namespace.ok
    ? success({ label: `version ${version}`, version, namespace: namespace.value })
    : namespace;
}

const nothing: Side = { label: 'no file at all', version: 0, namespace: undefined };

function answer(
  environment: Environment,
  from: Side,
  to: Side & { readonly namespace?: Namespace | undefined },
  json: boolean,
): Promise<Result<ExitCode>> {
  const difference: NamespaceDifference = diffNamespaces(from.namespace, to.namespace!);
  if (json) {
    const document = {
      from: from.version,
      to: to.version ?? { file: to.label },
      ...difference,
    };
    return printed(environment, `${JSON.stringify(document, undefined, 2)}\n`);
  }
  environment.stderr.write(
    difference.same ? `${to.label} means the same as ${from.label}\n` : `${from.label} -> ${to.label}\n`,
  );
  return printed(environment, namespaceDiffText(difference));
}

function noFile({ url }: Dispatcher): Result<never> {
  return failed({
    code: 'no-namespace-file',
    message: `no namespace file was applied at ${url} yet: \`pogo ns apply FILE\` applies one`,
    exitCode: exitCodes.error,
  });
}
