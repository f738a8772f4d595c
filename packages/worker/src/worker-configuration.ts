/** Reads a worker's configuration file and the files that it names. Errors name file, line, cause and what to do. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type Recipient, type WorkerConfiguration, workerConfigurationSchema } from '@pogo/protocol';
import type { LinkTls } from '@pogo/wire';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';

/** As used: paths are absolute, and those that may be left out are there. */
export type WorkerSettings = WorkerConfiguration & { journal: string; attachments: string };

export interface LoadedConfiguration {
  configuration: WorkerSettings;
  tls: LinkTls;
  recipient: Recipient;
}

/** `code` is stable. */
export type LoadOutcome =
  { ok: true; loaded: LoadedConfiguration } | { ok: false; code: string; message: string };

export async function loadWorkerConfiguration(path: string): Promise<LoadOutcome> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return refuse('config-unreadable', `${path} cannot be read: ${(error as Error).message}`);
  }
  const parsed = parse(path, text);
  if (!parsed.ok) return parsed;
  const configuration = withAbsolutePaths(parsed.configuration, dirname(resolve(path)));
  return loadFiles(configuration);
}

function parse(
  path: string,
  text: string,
): { ok: true; configuration: WorkerConfiguration } | { ok: false; code: string; message: string } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineAt = (offset: number) => `${path}:${Math.max(1, lines.linePos(offset).line)}`;
  const [broken] = document.errors;
  if (broken) return refuse('config-invalid', `${lineAt(broken.pos[0])}: not YAML: ${broken.message}`);
  const result = workerConfigurationSchema.safeParse(document.toJS());
  if (result.success) return { ok: true, configuration: result.data };
  const complaints = result.error.issues.map((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : [undefined];
    return keys.map((key) => {
      const at = [...issue.path, ...(key === undefined ? [] : [key])];
      return `${lineAt(offsetOf(at))}: ${at.join('.') || 'the file'}: ${key === undefined ? issue.message : 'unknown key'}`;
    });
  });
  return refuse('config-invalid', complaints.flat().join('\n'));

  /** Where the value stands; of what is missing, where its parent does; of an unknown key, the key. */
  function offsetOf(at: readonly PropertyKey[]): number {
    for (let depth = at.length; depth > 0; depth--) {
      const parent = document.getIn(at.slice(0, depth - 1), true);
      const pair = isMap(parent)
        ? parent.items.find((item) => isScalar(item.key) && item.key.value === at[depth - 1])
        : undefined;
      if (pair !== undefined && isScalar(pair.key)) return pair.key.range?.[0] ?? 0;
      const node = document.getIn(at.slice(0, depth), true);
      if (isScalar(node)) return node.range?.[0] ?? 0;
    }
    return 0;
  }
}

function withAbsolutePaths(configuration: WorkerConfiguration, directory: string): WorkerSettings {
  const at = (path: string) => resolve(directory, path);
  const spoolDirectory = at(configuration.spool.dir);
  const beside = (name: string) => join(dirname(spoolDirectory), name);
  return {
    ...configuration,
    linkKey: at(configuration.linkKey),
    linkCertificate: at(configuration.linkCertificate),
    linkRoot: at(configuration.linkRoot),
    sealingKey: at(configuration.sealingKey),
    sealingCertificate: at(configuration.sealingCertificate),
    knownHosts: at(configuration.knownHosts),
    ...(configuration.rexecSocket !== undefined && { rexecSocket: at(configuration.rexecSocket) }),
    spool: { ...configuration.spool, dir: spoolDirectory },
    journal: configuration.journal === undefined ? beside('journal') : at(configuration.journal),
    attachments:
      configuration.attachments === undefined ? beside('attachments') : at(configuration.attachments),
    authPlugins: Object.fromEntries(
      Object.entries(configuration.authPlugins).map(([name, module]) => [name, at(module)]),
    ),
  };
}

async function loadFiles(configuration: WorkerSettings): Promise<LoadOutcome> {
  // The sealing key's contents are rexec's business alone: only its mode is looked at here.
  for (const key of [configuration.linkKey, configuration.sealingKey]) {
    const problem = await privateFileProblem(key);
    if (problem !== undefined) return problem;
  }
  const texts: Record<string, string> = {};
  for (const name of ['linkKey', 'linkCertificate', 'linkRoot', 'sealingCertificate'] as const) {
    try {
      texts[name] = await readFile(configuration[name], 'utf8');
    } catch (error) {
      return refuse(
        'file-unreadable',
        `${name}: ${configuration[name]} cannot be read: ${(error as Error).message}`,
      );
    }
  }
  for (const name of ['linkCertificate', 'sealingCertificate'] as const) {
    const problem = nameProblem(configuration[name], texts[name]!, configuration.name);
    if (problem !== undefined) return problem;
  }
  const certificate = texts['sealingCertificate']!;
  const publicKey = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  const kid = `sha256:${createHash('sha256').update(publicKey).digest('hex')}`;
  return {
    ok: true,
    loaded: {
      configuration,
      tls: { key: texts['linkKey']!, cert: texts['linkCertificate']!, ca: texts['linkRoot']! },
      recipient: { worker: configuration.name, kid, certificate },
    },
  };
}

async function privateFileProblem(path: string): Promise<LoadOutcome | undefined> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) === 0) return undefined;
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    return refuse(
      'key-file-mode',
      `${path} is a private key but its mode is ${shown}: others could read it. Run: chmod 600 ${path}`,
    );
  } catch (error) {
    return refuse('file-unreadable', `${path} cannot be read: ${(error as Error).message}`);
  }
}

/** A certificate of another name would only be refused by everyone later. */
function nameProblem(path: string, pem: string, worker: string): LoadOutcome | undefined {
  let subject: string;
  try {
    subject = new X509Certificate(pem).subject;
  } catch (error) {
    return refuse('certificate-invalid', `${path} is not a PEM certificate: ${(error as Error).message}`);
  }
  const names = subject.split('\n').filter((line) => line.startsWith('CN='));
  if (names.length === 1 && names[0] === `CN=${worker}`) return undefined;
  return refuse(
    'certificate-name',
    `${path} is for ${names.join(', ') || 'nobody'}, but this worker's name is ${worker}: use the certificate that was issued for it`,
  );
}

function refuse(code: string, message: string): { ok: false; code: string; message: string } {
  return { ok: false, code, message };
}
