/** Drives a real rexec process over its pipe, in the worker's place. */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'node:net';
import type { Outcome } from '@pogo/core';
import {
  type AttemptReport,
  type ResolvedSpec,
  type RexecMessage,
  rexecMessageSchema,
  type RexecOrder,
  type SealedCredentials,
  specDigest,
} from '@pogo/protocol';
import type { NetworkNamespace } from '@pogo/testkit';
import { PipeFrames } from '@pogo/wire';
import { build } from 'esbuild';
import type { SealingKey } from './seal.js';

let lastIndex = 0;
const packageDirectory = join(import.meta.dirname, '..');

/** The program as one bundle of its own: tests of other packages may build the real one meanwhile. */
export interface BuiltProgram {
  readonly file: string;
  remove(): void;
}

export async function buildProgram(): Promise<BuiltProgram> {
  const outdir = mkdtempSync(join(packageDirectory, 'build', 'test-'));
  await build({
    entryPoints: [join(packageDirectory, 'src', 'main.ts')],
    outdir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    outExtension: { '.js': '.mjs' },
    external: ['ssh2', 'jose', 'zod', 'ws', 'json-rpc-2.0'],
    logLevel: 'warning',
  });
  return { file: join(outdir, 'main.mjs'), remove: () => rmSync(outdir, { recursive: true, force: true }) };
}

export interface HostOutput {
  stdout: string;
  stderr: string;
}

export interface JobOptions {
  readonly spec: ResolvedSpec;
  readonly credentials: SealedCredentials;
  readonly sealingKey: SealingKey;
  readonly job?: number;
  readonly digest?: string;
  readonly kid?: string;
  readonly workerKnownHostsFile?: string;
  readonly authPlugins?: Record<string, string>;
  readonly scriptFile?: string;
  readonly outputLimitBytes?: number;
  readonly allowAgentForwarding?: boolean;
}

export class RexecProcess {
  readonly messages: RexecMessage[] = [];
  readonly reports: AttemptReport[] = [];
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  readonly frames: PipeFrames;
  readonly #changed = new EventEmitter();
  /** Whether results are recorded as they come, as a worker does. */
  records = true;
  /** Of the last `run`. */
  index = 0;
  /** Bytes that were cut, by host. */
  readonly gaps = new Map<number, number>();
  readonly #output = new Map<string, Buffer[]>();
  readonly #outputBytes = new Map<string, number>();
  readonly #socket: Socket;
  #stderr = '';

  constructor(program: BuiltProgram, namespace?: NetworkNamespace) {
    this.#changed.setMaxListeners(0);
    const own = { file: process.execPath, args: [program.file] };
    const { file, args } = namespace?.command(own.file, own.args) ?? own;
    this.child = spawn(file, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/bin:/bin' },
    });
    this.child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.exited = once(this.child, 'exit').then(([code]) => code as number | null);
    this.#socket = this.child.stdio[3] as Socket;
    this.frames = new PipeFrames(this.#socket, {
      json: (value) => this.#take(rexecMessageSchema.parse(value)),
      output: ({ host, kind, offset, data }) => {
        if (kind === 'gap') {
          this.gaps.set(host, offset);
          return;
        }
        const key = `${host} ${kind}`;
        const chunks = this.#output.get(key) ?? [];
        const bytes = this.#outputBytes.get(key) ?? 0;
        if (bytes !== offset) throw new Error(`output of ${key} at ${offset} follows ${bytes} bytes`);
        this.#outputBytes.set(key, bytes + data.length);
        chunks.push(Buffer.from(data));
        this.#output.set(key, chunks);
        this.#changed.emit('changed');
      },
      closed: () => this.#changed.emit('changed'),
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  async open(options: JobOptions): Promise<void> {
    const { spec, credentials, sealingKey } = options;
    this.order({
      type: 'open',
      job: options.job ?? 7,
      digest: options.digest ?? specDigest(spec),
      spec,
      credentials,
      sealingKeyFile: sealingKey.file,
      kid: options.kid ?? sealingKey.kid,
      workerKnownHostsFile: options.workerKnownHostsFile ?? '/nonexistent',
      authPlugins: options.authPlugins ?? {},
      ...(options.scriptFile !== undefined && { scriptFile: options.scriptFile }),
      outputLimitBytes: options.outputLimitBytes ?? 1024 ** 3,
      allowAgentForwarding: options.allowAgentForwarding ?? false,
    });
  }

  order(order: RexecOrder): void {
    this.frames.sendJson(order);
  }

  /** Each call with a log index of its own: hosts tell attempts apart by it. */
  run(...hosts: number[]): void {
    this.index = ++lastIndex;
    this.runAttempts(...hosts.map((host) => ({ host, attempt: 1, index: lastIndex })));
  }

  runAttempts(...attempts: { host: number; attempt: number; index: number; fence?: boolean }[]): void {
    this.order({ type: 'run', attempts: attempts.map((one) => ({ fence: false, ...one })) });
  }

  settle(...attempts: { host: number; attempt: number; index: number }[]): void {
    this.order({ type: 'settle', attempts });
  }

  recorded(...attempts: { host: number; attempt: number }[]): void {
    this.order({ type: 'recorded', attempts });
  }

  /** Resolves once `found` gives a value for what has come. */
  async until<T>(found: () => T | undefined): Promise<T> {
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      const ended = this.exited.then((code) => new Error(`rexec ended (${code}): ${this.#stderr}`));
      const failure = await Promise.race([once(this.#changed, 'changed').then(() => undefined), ended]);
      const late = found();
      if (late !== undefined) return late;
      if (failure !== undefined) throw failure;
    }
  }

  message<T extends RexecMessage['type']>(type: T): Promise<Extract<RexecMessage, { type: T }>> {
    return this.until(() =>
      this.messages.find((message): message is Extract<RexecMessage, { type: T }> => message.type === type),
    );
  }

  report(host: number, event: AttemptReport['event']): Promise<AttemptReport> {
    return this.until(() => this.reports.find((report) => report.host === host && report.event === event));
  }

  async outcome(host: number): Promise<Outcome> {
    const report = await this.report(host, 'finished');
    if (report.event !== 'finished') throw new Error('not finished');
    return report.outcome;
  }

  outcomes(hosts: readonly number[]): Promise<Outcome[]> {
    return Promise.all(hosts.map((host) => this.outcome(host)));
  }

  output(host: number): HostOutput {
    return { stdout: this.bytes(host, 'stdout').toString(), stderr: this.bytes(host, 'stderr').toString() };
  }

  bytes(host: number, stream: 'stdout' | 'stderr'): Buffer {
    return Buffer.concat(this.#output.get(`${host} ${stream}`) ?? []);
  }

  /** Closes the job, waits for the end, and gives the exit status. */
  async close(): Promise<number | null> {
    this.order({ type: 'close' });
    const code = await this.exited;
    this.#socket.destroy();
    return code;
  }

  /** What a worker's death looks like to rexec. */
  async hangUp(): Promise<number | null> {
    this.#socket.destroy();
    return this.exited;
  }

  #take(message: RexecMessage): void {
    this.messages.push(message);
    if (message.type === 'report') {
      this.reports.push(...message.reports);
      const finished = message.reports.filter(({ event }) => event === 'finished');
      if (this.records && finished.length > 0) this.recorded(...finished);
    }
    this.#changed.emit('changed');
  }
}
