/**
 * The host keys that the client vouches for: what its known_hosts files and its imported list say of a job's targets, and
 * nothing of other hosts (security.md, "Host keys").
 */
import { readFile } from 'node:fs/promises';
import { foldTargets, type Target } from '@pogo/core';
import { type KnownHostKeys, KnownHosts } from '@pogo/protocol';
import { type Result, success, usageFailure } from '../failure.js';
import { errorCode, systemErrorText } from '../system-error.js';

export interface HostKeyFiles {
  /** Named by the user: each must be readable. Undefined takes `~/.ssh/known_hosts`, if there is one. */
  readonly named: readonly string[] | undefined;
  readonly defaultFile: string;
  /** `pogo hostkeys import` keeps its list there; may not exist. */
  readonly imported: string;
}

/** Keys of the targets, whose ports must be set; hosts with equal keys are one entry. */
export async function collectHostKeys(
  files: HostKeyFiles,
  targets: readonly Target[],
): Promise<Result<KnownHostKeys[]>> {
  const sources: KnownHosts[] = [];
  for (const path of files.named ?? []) {
    try {
      sources.push(new KnownHosts(await readFile(path, 'utf8')));
    } catch (error) {
      return usageFailure('unreadable-file', `known hosts file ${path}: ${systemErrorText(error)}`);
    }
  }
  const optional = files.named === undefined ? [files.defaultFile, files.imported] : [files.imported];
  for (const path of optional) {
    try {
      sources.push(new KnownHosts(await readFile(path, 'utf8')));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENOTDIR') {
        return usageFailure('unreadable-file', `known hosts file ${path}: ${systemErrorText(error)}`);
      }
    }
  }
  return success(keysOfTargets(sources, targets));
}

/** Most keys of one host that a job may name. */
const maxKeys = 32;

/** @param targets with their ports */
export function keysOfTargets(sources: readonly KnownHosts[], targets: readonly Target[]): KnownHostKeys[] {
  const groups = new Map<string, { keys: string[]; hosts: Target[] }>();
  for (const { host, port = 22 } of targets) {
    const matches = sources.map((source) => source.lookup(host, port));
    const revoked = new Set(matches.flatMap((match) => match.revoked));
    const vouched = matches.flatMap((match) => match.keys.filter((key) => !key.firstSightOnly));
    const keys = [...new Set(vouched.map(({ key }) => key))]
      .filter((key) => !revoked.has(key))
      .sort()
      .slice(0, maxKeys);
    if (keys.length === 0) continue;
    const name = keys.join('\n');
    const group = groups.get(name);
    if (group) group.hosts.push({ host, port });
    else groups.set(name, { keys, hosts: [{ host, port }] });
  }
  return [...groups.values()].map(({ keys, hosts }) => ({ hosts: foldTargets(hosts), keys }));
}
