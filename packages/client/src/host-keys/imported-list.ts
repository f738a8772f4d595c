/**
 * The client's own list of host keys, in known_hosts format, below its state directory: what `pogo hostkeys` changes and
 * every job reads. Written whole and moved into place, so that a reader never sees half of it.
 */
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { keyFingerprint, KnownHosts, type KnownHostsNote } from '@pogo/protocol';
import { exitCodes, failed, type Result, success, usageFailure } from '../failure.js';
import { errorCode, systemErrorText } from '../system-error.js';

/** One line of the list, taken apart. */
export interface HostKeyLine {
  /** `@revoked`, or empty. */
  readonly marker: string;
  /** As in the file: names, patterns or a hash. */
  readonly hosts: string;
  /** `type base64`. */
  readonly key: string;
  readonly comment: string;
}

/** `SHA256:…` of the line's key. */
export function fingerprintOf({ key }: HostKeyLine): string {
  return keyFingerprint(key);
}

/** Lines that may be in a good file but are of no use here; every other unusable line is a fault. */
function isUnsupported({ text }: KnownHostsNote): boolean {
  return text.includes('not supported');
}

/** Takes a file's text apart. `skipped` are lines that are right, but of a kind that isn't supported. */
export function parseHostKeyLines(
  text: string,
  name: string,
): Result<{ lines: HostKeyLine[]; skipped: readonly KnownHostsNote[] }> {
  const { notes } = new KnownHosts(text);
  const faults = notes.filter((note) => !isUnsupported(note));
  if (faults.length > 0) {
    const shown = faults.slice(0, 5).map(({ line, text: fault }) => `\n  ${name}:${line}: ${fault}`);
    const more = faults.length > 5 ? `\n  and ${faults.length - 5} more` : '';
    return usageFailure(
      'invalid-host-keys',
      `${name} has lines that can't be read, so nothing of it was taken:${shown.join('')}${more}`,
    );
  }
  const unusable = new Set(notes.map(({ line }) => line));
  const lines = text
    .split('\n')
    .filter((_content, index) => !unusable.has(index + 1))
    .map((content) => content.trim())
    .filter((content) => content !== '' && !content.startsWith('#'))
    .map(takeApart);
  return success({ lines, skipped: notes });
}

function takeApart(content: string): HostKeyLine {
  const fields = content.split(/[ \t]+/);
  const marker = fields[0]!.startsWith('@') ? fields.shift()! : '';
  const [hosts, type, base64, ...comment] = fields as [string, string, string, ...string[]];
  return { marker, hosts, key: `${type} ${base64}`, comment: comment.join(' ') };
}

export function lineText({ marker, hosts, key, comment }: HostKeyLine): string {
  return [marker, hosts, key, comment].filter((part) => part !== '').join(' ');
}

/** The list; empty when there is none yet. */
export async function readImportedList(path: string): Promise<Result<HostKeyLine[]>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return success([]);
    return failed({
      code: 'unreadable-file',
      message: `${path}: ${systemErrorText(error)}`,
      exitCode: exitCodes.error,
    });
  }
  const parsed = parseHostKeyLines(text, path);
  return parsed.ok ? success(parsed.value.lines) : parsed;
}

/** Replaces the list. `uniqueId` names the temporary file. */
export async function writeImportedList(
  path: string,
  lines: readonly HostKeyLine[],
  uniqueId: string,
): Promise<Result<undefined>> {
  const temporary = `${path}.${uniqueId}`;
  try {
    const first = await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    if (first !== undefined) await chmod(dirname(path), 0o700);
    await writeFile(temporary, lines.map((line) => `${lineText(line)}\n`).join(''), {
      mode: 0o600,
      flag: 'wx',
    });
    await rename(temporary, path);
    return success(undefined);
  } catch (error) {
    return failed({
      code: 'unwritable-file',
      message: `${path}: ${systemErrorText(error)}`,
      exitCode: exitCodes.error,
    });
  }
}

/** Adds lines that the list doesn't have; the answer has the new ones apart. */
export function mergeHostKeys(
  list: readonly HostKeyLine[],
  added: readonly HostKeyLine[],
): { merged: HostKeyLine[]; fresh: HostKeyLine[] } {
  const identity = ({ marker, hosts, key }: HostKeyLine) => `${marker} ${hosts} ${key}`;
  const known = new Set(list.map(identity));
  const fresh: HostKeyLine[] = [];
  for (const line of added) {
    if (known.has(identity(line))) continue;
    known.add(identity(line));
    fresh.push(line);
  }
  return { merged: [...list, ...fresh], fresh };
}

/**
 * The list without a host. Of a line with several names only that name goes; a line with patterns stays, since it speaks
 * of other hosts too, and is among `patterns`.
 */
export function removeHost(
  list: readonly HostKeyLine[],
  host: string,
  port: number,
): { kept: HostKeyLine[]; removed: HostKeyLine[]; patterns: HostKeyLine[] } {
  const kept: HostKeyLine[] = [];
  const removed: HostKeyLine[] = [];
  const patterns: HostKeyLine[] = [];
  for (const line of list) {
    if (!covers(line.hosts, line, host, port)) {
      kept.push(line);
    } else if (/[*?!]/.test(line.hosts)) {
      kept.push(line);
      patterns.push(line);
    } else {
      removed.push(line);
      const others = line.hosts.startsWith('|')
        ? []
        : line.hosts.split(',').filter((name) => name !== '' && !covers(name, line, host, port));
      if (others.length > 0) kept.push({ ...line, hosts: others.join(',') });
    }
  }
  return { kept, removed, patterns };
}

function covers(hosts: string, line: HostKeyLine, host: string, port: number): boolean {
  const { keys, revoked } = new KnownHosts(lineText({ ...line, hosts })).lookup(host, port);
  return keys.length + revoked.length > 0;
}
