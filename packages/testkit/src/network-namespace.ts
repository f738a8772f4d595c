/**
 * Network namespaces that have only `lo`, where all of 127.0.0.0/8 can be used as different hosts and nothing that
 * listens can be reached from outside.
 *
 * 1. A server may listen on 0.0.0.0 only where `inNetworkNamespace()` holds or in a namespace made here.
 * 2. The namespace's holder ends when this process does, however it ends: it reads a pipe that we hold.
 * 3. `stop` ends every process inside, and tells who had been left there.
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { endProcesses, networkNamespaceOf, type ProcessEntry, processTable } from './process-table.js';
import { type CommandOptions, type CommandResult, runCommand } from './run-command.js';
import { isRoot, requireRoot } from './root.js';

/**
 * Brings `lo` up and becomes the given command. Perl stands in where iproute2 isn't installed: Debian always has it.
 * 0x8914 is SIOCSIFFLAGS, 0x41 is IFF_UP | IFF_RUNNING; the kernel adds 127.0.0.1/8 by itself.
 */
const bringUpLoopback = `
if ! ip link set lo up 2>/dev/null; then
  perl -MSocket -e 'socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!;
    my $r = pack("a16 s x22", "lo", 0x41); ioctl($s, 0x8914, $r) or die "lo: $!\\n"' || exit 1
fi
exec "$@"`;

/** A namespace and what runs in it. */
export interface NetworkNamespace {
  /** A process that lives inside as long as the namespace is in use: for `nsenter -t`. */
  readonly pid: number;
  /** The same command, run inside. */
  command(file: string, args: readonly string[]): { file: string; args: string[] };
  spawn(file: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  run(file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** What runs inside now, without the holder. */
  processes(): ProcessEntry[];
  /** Ends all that runs inside and gives the namespace up. Returns what it had to end. */
  stop(): Promise<ProcessEntry[]>;
}

/** Whether this process has no network interface but `lo`, up or down: then nothing outside can reach what listens. */
export function inNetworkNamespace(): boolean {
  const [, , ...lines] = readFileSync('/proc/net/dev', 'utf8').trim().split('\n');
  return lines.every((line) => line.trim().startsWith('lo:'));
}

/** Why no namespace can be made here; undefined if one can. */
export async function networkNamespaceObstacle(): Promise<string | undefined> {
  if (!isRoot()) return 'not root';
  const probe = await runCommand('unshare', ['-n', 'true']);
  return probe.exitCode === 0 ? undefined : probe.stderr.trim();
}

/** Makes a namespace with only `lo`, up. Needs root (CAP_SYS_ADMIN). */
export async function createNetworkNamespace(): Promise<NetworkNamespace> {
  requireRoot('a network namespace');
  const holder = spawn(
    'unshare',
    ['-n', 'sh', '-c', bringUpLoopback, 'sh', 'sh', '-c', 'echo ready; exec cat >/dev/null'],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let complaint = '';
  holder.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = once(holder, 'close');
  const ready = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!ready) {
    throw new Error(
      `no-network-namespace: a namespace can't be made here: ${complaint.trim()}. ` +
        'Tests that need many addresses want root with CAP_SYS_ADMIN (in a container: --cap-add SYS_ADMIN).',
    );
  }
  const pid = holder.pid!;
  const identity = networkNamespaceOf(pid);
  const command = (file: string, args: readonly string[]) => ({
    file: 'nsenter',
    args: ['-t', String(pid), '-n', '--', file, ...args],
  });
  const processes = () =>
    processTable().filter((entry) => entry.networkNamespace === identity && entry.pid !== pid);

  let stopping: Promise<ProcessEntry[]> | undefined;
  const end = async (): Promise<ProcessEntry[]> => {
    const left = endProcesses(processes);
    holder.stdin.end();
    await ended;
    return left;
  };
  return {
    pid,
    command,
    spawn(file, args, options = {}) {
      const inside = command(file, args);
      return spawn(inside.file, inside.args, options);
    },
    run(file, args, options = {}) {
      const inside = command(file, args);
      return runCommand(inside.file, inside.args, options);
    },
    processes,
    stop: () => (stopping ??= end()),
  };
}
