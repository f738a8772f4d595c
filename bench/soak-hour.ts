/**
 * Jobs without a break for a given time, at a bounded share of the machine, and the memory of every process meanwhile.
 *
 * 1. Settings are the defaults. The dispatcher keeps the records of ended jobs until they hold 50,000 hosts, and the names of
 *    300,000; so that these limits work from the beginning, and aren't reached at the end of the hour, as many are run through
 *    first. The oldest of them, which this hour's jobs replace, come from jobs of the same kind: a record takes more memory where
 *    a host was reached than where it wasn't, and more in a small job than in a large one.
 * 2. One job lasts the whole time, with a `pogo run` that follows it: its rexec and the client are long-lived processes too.
 * 3. Each job is checked (see soak-jobs.ts). A fault doesn't end the soak; it fails it.
 */
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { loopbackAddress } from '@pogo/testkit';
import { cpuSeconds } from './process-tree.js';
import type { SoakCluster } from './soak-cluster.js';
import { actOf, drawJobs, faultsOf, type HostAnswer, meetingOf, type SoakJob } from './soak-jobs.js';
import { MemoryRecord } from './soak-memory.js';
import { openSoakStage, type SoakStage } from './soak-stage.js';
import { judgeMemory } from './soak-verdict.js';

export interface SoakOptions {
  root: string;
  heapProbe: string;
  outdir: string;
  minutes: number;
  /** Of them, at the beginning, what isn't judged. */
  warmUpMinutes: number;
  /** Of one core, over cluster, clients and scripted hosts together. */
  share: number;
  seed: number;
  /** Ended hosts that the dispatcher holds before it begins (1). */
  endedHosts: number;
  /** Where the plot goes. */
  plot: string;
  say: (text: string) => void;
}

const lanes = 3;
const sampleMs = 10_000;
/** Hosts that are more than an hour's jobs have (1). */
const replacedHosts = 34_000;
/** Nobody listens there: port 1 of loopback addresses that are no hosts. */
const nobody = { port: '1', hostsPerJob: 2500 };
/** Addresses of the job that lasts: none of the pool's. */
const lasting = Array.from({ length: 20 }, (_, index) => loopbackAddress(2001 + index));

/** Resolves to whether all jobs were right and all memory flat. */
export async function runSoak(options: SoakOptions): Promise<boolean> {
  const { outdir, minutes, warmUpMinutes, plot, seed, say } = options;
  const stage = await openSoakStage({ ...options, meet: meetingOf, act: actOf });
  const { cluster } = stage;
  const totals = { jobs: 0, hosts: 0, outputBytes: 0, faulty: 0, halted: 0 };
  const jobsFile = join(outdir, 'jobs.csv');
  writeFileSync(jobsFile, 'seconds,job,hosts,words,reading,halt,durationSeconds,faults\n');
  const memory = new MemoryRecord(join(outdir, 'memory.csv'));
  try {
    await fillWithEnded(stage, options);
    const startedMs = performance.now();
    const seconds = () => (performance.now() - startedMs) / 1000;
    const endSeconds = minutes * 60;
    const cpuBefore = cpuSeconds(process.pid);
    const client = startLasting(stage, endSeconds);
    let overtime = false;
    const sample = () => {
      const processes = cluster.processes().map(({ pid, role }) => ({
        pid,
        role: role as string,
        heap: cluster.heap(pid),
      }));
      memory.take(seconds(), [...processes, { pid: client.pid, role: 'client', heap: undefined }]);
    };
    const sampler = setInterval(sample, sampleMs);
    sample();
    let lastSaid = 0;
    /** Waits until less than its share was used. */
    const turn = async () => {
      while (cpuSeconds(process.pid) - cpuBefore > options.share * seconds() && seconds() < endSeconds) {
        await sleep(300);
      }
      if (seconds() - lastSaid < 300) return;
      lastSaid = seconds();
      say(
        `${Math.round(lastSaid / 60)} min: ${JSON.stringify(totals)}, ends left on hosts: ${stage.hosts.unacknowledged()}`,
      );
    };
    const jobs = drawJobs(seed);
    const lane = async () => {
      for (await turn(); seconds() < endSeconds; await turn()) {
        const job = jobs.next().value;
        const beganSeconds = seconds();
        const { id, faults, outputBytes } = await runOne(stage, job, outdir);
        totals.jobs++;
        totals.hosts += job.addresses.length;
        totals.outputBytes += outputBytes;
        if (job.halt !== 'none') totals.halted++;
        if (faults.length > 0) {
          totals.faulty++;
          say(`${id}: ${job.words.join(' ')}, ${job.reading}, ${job.halt}: ${faults.slice(0, 5).join('; ')}`);
        }
        appendFileSync(
          jobsFile,
          `${[beganSeconds.toFixed(1), id, job.addresses.length, job.words.join(' '), job.reading, job.halt, (seconds() - beganSeconds).toFixed(1), faults.length].join(',')}\n`,
        );
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    overtime = seconds() > endSeconds + 120;
    clearInterval(sampler);
    const share = (cpuSeconds(process.pid) - cpuBefore) / seconds();
    const lastingFaults = await endLasting(stage, client);
    say(
      `${totals.jobs} jobs (${totals.halted} halted) with ${totals.hosts} hosts in ${(seconds() / 60).toFixed(1)} min, ` +
        `${(totals.outputBytes / 1e6).toFixed(0)} MB at the clients, ${share.toFixed(2)} of a core; faulty jobs: ${totals.faulty}`,
    );
    say(
      lastingFaults.length === 0
        ? `the job of ${lasting.length} hosts that lasted the whole time was right`
        : `the job that lasted: ${lastingFaults.slice(0, 5).join('; ')}`,
    );
    const flat = judgeMemory(memory.samples, { minutes, warmUpMinutes, plot, say });
    return flat && totals.faulty === 0 && lastingFaults.length === 0 && !overtime;
  } finally {
    await stage.close();
  }
}

/** Brings the dispatcher to the limits of what it keeps (1). */
async function fillWithEnded(
  stage: SoakStage,
  { endedHosts, outdir, seed, say }: SoakOptions,
): Promise<void> {
  const { cluster, login } = stage;
  const identity = login.slice(login.indexOf('--identity'));
  const dispatcher = () => cluster.processes().find(({ role }) => role === 'dispatcher')!.pid;
  const heap = async () => `${((await cluster.liveHeapBytes(dispatcher())) / 1e6).toFixed(1)} MB`;
  say(`heap of the dispatcher before: ${await heap()}`);
  const reached = await runQuickJobs(stage, { hosts: Math.min(endedHosts, replacedHosts), outdir, seed });
  say(`with ${reached} hosts of ended jobs: ${await heap()}`);
  for (let first = reached; first < endedHosts; first += nobody.hostsPerJob) {
    const size = Math.min(nobody.hostsPerJob, endedHosts - first);
    const subnets = `127.[100-${99 + Math.ceil(size / 250)}].1.[1-250]`;
    const result = await cluster.run([
      ...['run', '-h', subnets, '-l', 'soak', '-p', nobody.port, ...identity, '-q', '--', 'true'],
    ]);
    if (result.exitCode !== 4) throw new Error(`unreachable hosts: ${result.exitCode} ${result.stderr}`);
  }
  say(`with ${endedHosts}, the others of them nowhere: ${await heap()}`);
  // The names of planned hosts are remembered as well.
  for (let first = endedHosts; first < endedHosts * 6; first += 50_000) {
    const subnets = `127.${110 + first / 50_000}.[1-200].[1-250]`;
    const planned = await cluster.run(['plan', '-h', subnets, '-l', 'soak', ...identity, '--', 'true']);
    if (planned.exitCode !== 0) throw new Error(`a plan: ${planned.exitCode} ${planned.stderr}`);
  }
  say(`with the names of as many hosts as are remembered: ${await heap()}`);
}

/** Jobs of the hour's sizes and hosts that end at once, until they have so many hosts; the answer is how many. */
async function runQuickJobs(
  stage: SoakStage,
  { hosts, outdir, seed }: { hosts: number; outdir: string; seed: number },
): Promise<number> {
  const jobs = drawJobs(seed + 1);
  let begun = 0;
  const lane = async () => {
    while (begun < hosts) {
      const job = jobs.next().value;
      if (job.halt !== 'none' || job.timeoutSeconds < 60) continue;
      begun += job.addresses.length;
      const quick: SoakJob = { ...job, words: ['act', 'out=64'], reading: 'plain' };
      const { id, faults } = await runOne(stage, quick, outdir);
      if (faults.length > 0) throw new Error(`${id}: ${faults.slice(0, 5).join('; ')}`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return begun;
}

interface Lasting {
  pid: number;
  id: Promise<string>;
  closed: Promise<number | null>;
  bytes(): number;
}

/** `pogo run` of a job that says a line a second for the whole time. */
function startLasting({ cluster, login }: SoakStage, endSeconds: number): Lasting {
  const child = cluster.spawn([
    ...['run', '-h', lasting.join(','), ...login, '-t', String(endSeconds + 600)],
    ...['--job-timeout', String(endSeconds + 1200), '-v', '--', 'act', `run=${endSeconds * 1000}`, 'tick=64'],
  ]);
  let bytes = 0;
  child.stdout!.on('data', (chunk: Buffer) => (bytes += chunk.length));
  let stderr = '';
  const id = new Promise<string>((resolve) => {
    child.stderr!.on('data', (chunk: Buffer) => {
      if (stderr.length > 100_000) return;
      stderr += chunk.toString();
      const found = /p\d{10}/.exec(stderr)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { pid: child.pid!, id, closed, bytes: () => bytes };
}

async function endLasting({ cluster, hosts }: SoakStage, client: Lasting): Promise<string[]> {
  const id = await client.id;
  const exitCode = await client.closed;
  const { hosts: answers } = (await cluster.get(`/v1/jobs/${id}/hosts?limit=10000`)) as {
    hosts: HostAnswer[];
  };
  const faults = lasting.flatMap((address) => {
    const answer = answers.find(({ host }) => host === address);
    const ran = hosts.begun(id).get(address) ?? [];
    return answer?.state === 'succeeded' && ran.join() === String(answer.attempt)
      ? []
      : [`${address}: ${answer?.state}, began ${ran.join() || 'never'}`];
  });
  const written = answers.reduce((sum, { outcome }) => sum + (outcome?.stdout?.bytes ?? 0), 0);
  // Each line of 64 bytes has its host's name before it.
  if (client.bytes() < written) faults.push(`${client.bytes()} bytes arrived of ${written}`);
  if (exitCode !== 0) faults.push(`exit code ${exitCode}`);
  return faults;
}

async function runOne(
  stage: SoakStage,
  job: SoakJob,
  outdir: string,
): Promise<{ id: string; faults: string[]; outputBytes: number }> {
  const { cluster, hosts, login } = stage;
  const target = ['-h', job.addresses.join(','), ...login, '-t', String(job.timeoutSeconds)];
  const command = ['--', ...job.words];
  const directory = join(outdir, `output-${performance.now()}`);
  const readings: Record<SoakJob['reading'], string[]> = {
    plain: [],
    json: ['--json'],
    jsonl: ['--jsonl'],
    gather: ['--gather'],
    outdir: ['--outdir', directory],
    detached: ['--detach'],
  };
  const run = await cluster.run(['run', ...target, ...readings[job.reading], ...command]);
  let { stdoutBytes: outputBytes } = run;
  const id = /p\d{10}/.exec(run.stderr + run.stdout)?.[0];
  if (id === undefined) {
    return {
      id: 'none',
      faults: [`no job: exit code ${run.exitCode}: ${run.stderr.slice(-1000)}`],
      outputBytes,
    };
  }
  if (job.reading === 'detached') {
    const [followed] = await Promise.all([
      cluster.run(['log', '--follow', id]),
      job.halt === 'none' ? undefined : haltWhenBegun(cluster, job, id, () => hosts.begun(id).size),
    ]);
    outputBytes = followed.stdoutBytes;
    await cluster.run(['wait', id, '-q']);
  }
  rmSync(directory, { recursive: true, force: true });
  const { hosts: answers } = (await cluster.get(`/v1/jobs/${id}/hosts?limit=10000`)) as {
    hosts: HostAnswer[];
  };
  const faults = faultsOf(job, answers, hosts.begun(id));
  hosts.forget(id);
  return { id, faults, outputBytes };
}

/** Halts once something runs. */
async function haltWhenBegun(
  cluster: SoakCluster,
  job: SoakJob,
  id: string,
  begun: () => number,
): Promise<void> {
  const anyRuns = job.addresses.some((address) => meetingOf(address) === 'serve');
  for (let waited = 0; anyRuns && begun() === 0 && waited < 100; waited++) await sleep(100);
  await cluster.run(['halt', ...(job.halt === 'kill' ? ['--kill'] : []), id]);
}
