/**
 * One job over very many hosts: time, memory, and whether every host is accounted for exactly once, by the cluster's answer and by
 * what the hosts themselves have counted.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { loopbackAddress } from '@pogo/testkit';
import { cpuSeconds } from './process-tree.js';
import { memoryOf } from './soak-memory.js';
import { openSoakStage } from './soak-stage.js';

export interface ManyHostsOptions {
  root: string;
  heapProbe: string;
  /** Where its files go; existing. */
  outdir: string;
  hosts: number;
  /** Whether to look at what the dispatcher's heap holds before and after; it costs memory while it is done. */
  heap: boolean;
  say: (text: string) => void;
}

/** Of a hundred hosts one exits with 3, one refuses the login, and one resets the connection. */
function meant(index: number): 'succeeded' | 'failed' | 'auth-failed' | 'unreachable' {
  if (index % 100 === 7) return 'failed';
  if (index % 100 === 13) return 'auth-failed';
  return index % 100 === 29 ? 'unreachable' : 'succeeded';
}

interface StatusDocument {
  job: { id: string; state: string; hosts: number; counts: Record<string, number> };
  hosts: { host: string; state: string; attempt: number; outcome?: { stdout?: { bytes: number } } }[];
}

const outputBytes = 200;
const sampleMs = 500;

/** Resolves to whether all was as it should be. */
export async function runManyHosts({
  root,
  heapProbe,
  outdir,
  hosts: count,
  heap,
  say,
}: ManyHostsOptions): Promise<boolean> {
  const addresses = Array.from({ length: count }, (_, index) => loopbackAddress(index + 1));
  const meaning = new Map(addresses.map((address, index) => [address, meant(index)]));
  const stage = await openSoakStage({
    root,
    heapProbe,
    known: addresses,
    meet: (address) =>
      meaning.get(address) === 'auth-failed'
        ? 'refuse-login'
        : meaning.get(address) === 'unreachable'
          ? 'reset'
          : 'serve',
    act: ({ address }) => ({
      stdoutBytes: outputBytes,
      exitCode: meaning.get(address) === 'failed' ? 3 : 0,
    }),
  });
  const { cluster, hosts } = stage;
  const faults: string[] = [];
  try {
    const hostFile = join(stage.directory, 'hosts');
    writeFileSync(hostFile, `${addresses.join('\n')}\n`);
    const dispatcher = cluster.processes().find(({ role }) => role === 'dispatcher')!.pid;
    const heapBefore = heap ? await cluster.liveHeapBytes(dispatcher) : 0;
    const peaks = new Map<string, number>();
    let [peakSum, mostOpen] = [0, 0];
    const before = { cluster: cpuSeconds(cluster.pid), own: process.cpuUsage() };
    const startedMs = performance.now();
    const child = cluster.spawn([
      ...['run', '-H', hostFile, ...stage.login, '--job-timeout', '3600', '--no-progress'],
      ...['--', 'act', `out=${outputBytes}`],
    ]);
    let [lines, stderr] = [0, ''];
    child.stdout!.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString()).slice(-100_000);
    });
    let clientCpu = 0;
    const sampler = setInterval(() => {
      let sum = 0;
      const roles = new Map(cluster.processes().map(({ pid, role }) => [pid, role as string]));
      roles.set(child.pid!, 'pogo run');
      for (const [pid, role] of roles) {
        const { pssBytes } = memoryOf(pid) ?? { pssBytes: 0 };
        sum += pssBytes;
        peaks.set(role, Math.max(peaks.get(role) ?? 0, pssBytes));
      }
      peakSum = Math.max(peakSum, sum);
      mostOpen = Math.max(mostOpen, hosts.connections().open);
      clientCpu = Math.max(clientCpu, cpuSeconds(child.pid!));
    }, sampleMs);
    const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
    clearInterval(sampler);
    const wallSeconds = (performance.now() - startedMs) / 1000;
    const own = process.cpuUsage(before.own);
    const clusterCpu = cpuSeconds(cluster.pid) - before.cluster;
    const heldBytes = heap ? (await cluster.liveHeapBytes(dispatcher)) - heapBefore : 0;

    const id = /p\d{10}/.exec(stderr)?.[0] ?? 'last';
    const status = await cluster.run(['status', id, '--json'], Infinity);
    if (status.exitCode !== 0)
      throw new Error(`no status of ${id}: ${status.stderr}\n${stderr.slice(-3000)}`);
    const asked = JSON.parse(status.stdout) as StatusDocument;
    const begun = hosts.begun(asked.job.id);
    const answered = new Map(asked.hosts.map((host) => [host.host, host]));
    if (asked.hosts.length !== count || answered.size !== count) {
      faults.push(`${asked.hosts.length} answers for ${answered.size} hosts of ${count}`);
    }
    const states = new Map<string, number>();
    for (const [address, expected] of meaning) {
      const answer = answered.get(address);
      states.set(answer?.state ?? 'missing', (states.get(answer?.state ?? 'missing') ?? 0) + 1);
      if (answer?.state !== expected) faults.push(`${address}: ${answer?.state}, expected ${expected}`);
      const ran = begun.get(address) ?? [];
      const runs = expected === 'succeeded' || expected === 'failed' ? [answer?.attempt] : [];
      if (ran.join() !== runs.join()) faults.push(`${address}: began ${ran.join() || 'never'}`);
      if (expected === 'succeeded' && answer?.outcome?.stdout?.bytes !== outputBytes) {
        faults.push(`${address}: ${answer?.outcome?.stdout?.bytes} bytes of output`);
      }
    }
    const megabytes = (bytes: number) => Math.round(bytes / 1e6);
    say(
      `${asked.job.id}: ${count} hosts, \`pogo run\` ended with ${exitCode} after ${wallSeconds.toFixed(1)} s`,
    );
    say(`the cluster's answer: ${[...states].map(([state, hosts]) => `${hosts} ${state}`).join(', ')}`);
    say(
      `the hosts' own count: ${begun.size} began, ${[...begun.values()].flat().length} times in all; ends left there: ${hosts.unacknowledged()}`,
    );
    say(`lines of output at \`pogo run\`: ${lines}`);
    say(
      `CPU: cluster ${clusterCpu.toFixed(1)} s, \`pogo run\` ${clientCpu.toFixed(1)} s, ` +
        `scripted hosts ${((own.user + own.system) / 1e6).toFixed(1)} s; most connections open at once: ${mostOpen}`,
    );
    say(
      `peak PSS in MB: ${[...peaks].map(([role, bytes]) => `${role} ${megabytes(bytes)}`).join(', ')}; all together ${megabytes(peakSum)}`,
    );
    if (heap)
      say(
        `the dispatcher's heap holds ${Math.round(heldBytes / count)} bytes more a host than before the job`,
      );
    if (exitCode !== 4) faults.push(`exit code ${exitCode}, expected 4: some hosts were not reached`);
  } finally {
    await stage.close();
  }
  say(faults.length === 0 ? 'every host is accounted for exactly once' : `${faults.length} faults`);
  for (const fault of faults.slice(0, 20)) say(`  ${fault}`);
  writeFileSync(join(outdir, 'many-hosts-faults.txt'), faults.map((fault) => `${fault}\n`).join(''));
  return faults.length === 0;
}
