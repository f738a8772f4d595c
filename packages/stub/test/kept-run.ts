/**
 * A run that outlives its connection, over the wire that it has on a host: each connection is a login shell with the keeper's
 * text, and can be cut at any moment. In rexec's place it counts what came.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EndedEvent,
  type StubClaim,
  type StubCommand,
  type StubEvent,
  createStubParser,
  encodeAcknowledge,
  encodeNextPiece,
  encodeRawBytes,
  keptPieceBytes,
  renderKeeper,
  renderStub,
} from '@pogo/stub';
import { type Launch, type Rewrite, interpreter, markProcesses, newDirectory, rewritten } from './host.js';

export interface KeptRunOptions {
  launch?: Launch;
  home: string;
  claim: StubClaim;
  command: StubCommand;
  timeoutMs?: number;
  /** How long nobody may be attached. */
  limitMs?: number;
  /** Bytes of the script, where the command is one. */
  upload?: Uint8Array;
  environmentOfHost?: NodeJS.ProcessEnv;
  /** Replaces a part of the keeper's text, to stage an odd host. */
  rewrite?: Rewrite;
}

export class KeptRun {
  readonly events: StubEvent[] = [];
  readonly #options: KeptRunOptions;
  readonly #launch: Launch;
  readonly #run = randomBytes(16).toString('hex');
  readonly #parser = createStubParser({ nonce: this.#run });
  readonly #at = { stdout: { piece: 0, offset: 0 }, stderr: { piece: 0, offset: 0 } };
  readonly #looks = new Set<() => void>();
  readonly #mark = markProcesses();
  #child: ChildProcessWithoutNullStreams | undefined;
  #text: Uint8Array | undefined;
  #said = '';
  #received = 0;

  constructor(options: KeptRunOptions) {
    this.#options = options;
    this.#launch = options.launch ?? interpreter('dash');
    const { command, claim, timeoutMs = 60_000, limitMs = 60_000 } = options;
    const stub = renderStub({
      ...{ nonce: this.#run, command, claim, timeoutMs, environment: {}, lastingMs: limitMs },
    });
    if (!stub.ok) throw new Error(stub.message);
    this.#text = Buffer.concat([Buffer.from(this.#launch.prelude ?? ''), stub.stdin]);
  }

  get claim(): StubClaim {
    return this.#options.claim;
  }

  /** Bytes of stdout so far. */
  get received(): number {
    return this.#received;
  }

  get ended(): EndedEvent | undefined {
    return this.events.find((event) => event.kind === 'ended');
  }

  output(stream: 'stdout' | 'stderr'): Buffer {
    return Buffer.concat(this.events.flatMap((event) => (event.kind === stream ? [event.bytes] : [])));
  }

  /** What of it lives: "pid command line". */
  processes(): string[] {
    return this.#mark.processes();
  }

  /** Connects: the first time the run begins. Resolves once attached, with the reason where that can't be. */
  async connect({ rewrite = this.#options.rewrite ?? [] } = {}): Promise<string | undefined> {
    const { claim, limitMs = 60_000, home } = this.#options;
    const text = this.#text;
    const nonce = randomBytes(16).toString('hex');
    const keeper = renderKeeper({
      nonce,
      claim,
      what: text ? { kind: 'launch', run: this.#run, bytes: text.length, limitMs } : { kind: 'attach' },
      ...this.#at,
    });
    if (!keeper.ok) throw new Error(keeper.message);
    const { file, argv0, arguments: arguments_ } = this.#launch;
    const child = spawn(file, arguments_, {
      argv0,
      env: { ...process.env, HOME: home, POGO_TEST_RUN: this.#mark.name, ...this.#options.environmentOfHost },
      stdio: 'pipe',
    });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    // The stub runs under the same shell.
    const shell = join(newDirectory(), 'sh');
    symlinkSync(file, shell);
    const sameShell = { from: '/bin/sh -s', to: `${shell} -s` };
    child.stdin.write(rewritten(keeper.stdin, text ? [sameShell, ...[rewrite].flat()] : rewrite));
    const parser = createStubParser({ nonce });
    return new Promise((resolve, reject) => {
      const take = (events: StubEvent[]) => {
        for (const event of events) {
          if (event.kind === 'send' && text) child.stdin.write(text);
          else if (event.kind === 'received' || event.kind === 'kept') {
            this.#text = undefined;
            resolve(undefined);
          } else if (event.kind === 'refused') resolve(event.code);
          else if (event.kind === 'stdout' || event.kind === 'stderr') this.#take(event.kind, event.bytes);
          else if (event.kind === 'protocol-error') reject(new Error(event.message));
        }
      };
      child.stdout.on('data', (chunk: Buffer) => this.#child === child && take(parser.stdout(chunk)));
      child.stderr.on('data', (chunk: Buffer) => this.#child === child && take(parser.stderr(chunk)));
    });
  }

  /** As when sshd's session process dies. */
  async cut(): Promise<void> {
    const child = this.#child!;
    this.#child = undefined;
    child.stdin.destroy();
    child.stdout.destroy();
    child.stderr.destroy();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  /** Goes on without hearing of this connection, which stays open. Resolves once the host has closed it. */
  forget(): Promise<unknown> {
    const child = this.#child!;
    this.#child = undefined;
    return once(child, 'close');
  }

  send(line: Uint8Array): void {
    this.#child!.stdin.write(line);
  }

  /** Acknowledges, and waits until the host's side has closed the channel. */
  async leave(): Promise<void> {
    const child = this.#child!;
    const closed = once(child, 'close');
    this.send(encodeAcknowledge());
    await closed;
  }

  /** Resolves once `found` holds; asked again at each event. */
  until(found: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!found()) return;
        this.#looks.delete(look);
        resolve();
      };
      this.#looks.add(look);
      look();
    });
  }

  untilEnded(): Promise<void> {
    return this.until(() => this.ended !== undefined);
  }

  async untilSaid(text: string): Promise<void> {
    await this.until(() => this.#said.includes(text));
  }

  #take(stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const at = this.#at[stream];
    at.offset += bytes.length;
    if (at.offset === keptPieceBytes) {
      Object.assign(at, { piece: at.piece + 1, offset: 0 });
      this.send(encodeNextPiece(stream, at.piece));
    }
    for (const event of this.#parser[stream](bytes)) {
      this.events.push(
        event.kind === 'stdout' || event.kind === 'stderr'
          ? { ...event, bytes: Buffer.from(event.bytes) }
          : event,
      );
      if (event.kind === 'stdout') {
        this.#received += event.bytes.length;
        this.#said = (this.#said + Buffer.from(event.bytes).toString('latin1')).slice(-4096);
      }
      if (event.kind === 'send') {
        const { upload = Buffer.alloc(0) } = this.#options;
        this.send(encodeRawBytes(upload.length));
        this.send(upload);
      }
    }
    for (const look of this.#looks) look();
  }
}
