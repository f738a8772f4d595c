/** A job with hosts that act by script and a clock that is turned by hand. */
import { randomBytes } from 'node:crypto';
import type { Outcome } from '@pogo/core';
import { ManualClock } from '@pogo/lifecycle';
import { type AttemptReport, type OutputFrame, type RexecMessage, specDigest } from '@pogo/protocol';
import { RunJob } from '@pogo/rexec';
import { createTemporaryDirectory, type TemporaryDirectory } from '@pogo/testkit';
import { type ScriptedHost, ScriptedTransport } from './scripted-transport.js';
import { createSealingKey, type Credentials, seal, type SealingKey } from './seal.js';
import { spec } from './specs.js';

let directory: TemporaryDirectory | undefined;
let key: SealingKey | undefined;

/** One for all scenes of a test file; `endScenes` removes it. */
function sceneKey(): SealingKey {
  directory ??= createTemporaryDirectory();
  return (key ??= createSealingKey(directory.file('sealing.key')));
}

export function endScenes(): void {
  directory?.remove();
}

export interface SceneJob {
  readonly changes?: Partial<Parameters<typeof spec>[0]>;
  readonly credentials?: Credentials;
  readonly scriptFile?: string;
}

export class Scene {
  readonly clock = new ManualClock({ wallStartMs: Date.now() });
  readonly transport = new ScriptedTransport({ now: () => this.clock.monotonicMs() });
  readonly reports: AttemptReport[] = [];
  readonly frames: OutputFrame[] = [];
  /** How often a host was said to wait until it is dialled again. */
  waits = 0;
  full = false;
  drain: () => void = () => {};
  readonly job: RunJob;
  readonly #sealingKey: SealingKey;

  constructor({ records = true }: { records?: boolean } = {}) {
    this.#sealingKey = sceneKey();
    this.job = new RunJob({
      clock: this.clock,
      transport: this.transport,
      newNonce: () => randomBytes(16).toString('hex'),
      link: {
        send: (message: RexecMessage) => {
          if (message.type === 'waiting') this.waits++;
          if (message.type === 'report') {
            this.reports.push(...message.reports);
            const finished = message.reports.filter(({ event }) => event === 'finished');
            if (records && finished.length > 0) {
              setImmediate(() => this.job.take({ type: 'recorded', attempts: finished }));
            }
          }
        },
        output: (frame) => {
          this.frames.push(frame);
          return !this.full;
        },
        drained: () => new Promise((resolve) => (this.drain = resolve)),
      },
    });
  }

  async open({
    changes = {},
    credentials = { password: 'x' },
    scriptFile,
  }: SceneJob = {}): Promise<ScriptedHost> {
    const resolved = spec({
      targets: 'a@web[1-3]:22',
      hostKeys: { policy: 'accept-new', known: [] },
      timeouts: { connectMs: 1000, handshakeMs: 2000, commandMs: 60_000 },
      auth: { methods: ['password'] },
      ...changes,
    });
    this.job.take({
      type: 'open',
      job: 1,
      digest: specDigest(resolved),
      spec: resolved,
      credentials: await seal(resolved, credentials, [this.#sealingKey]),
      sealingKeyFile: this.#sealingKey.file,
      kid: this.#sealingKey.kid,
      workerKnownHostsFile: '/nonexistent',
      authPlugins: {},
      ...(scriptFile !== undefined && { scriptFile }),
      outputLimitBytes: 1_000_000,
      allowAgentForwarding: false,
    });
    this.job.take({ type: 'run', attempts: [{ host: 0, attempt: 1, index: 1, fence: false }] });
    return this.transport.host();
  }

  /** The outcome of host 0, recorded; time goes on a little, for the reports that are gathered. */
  async outcome({ stepMs = 0 } = {}): Promise<Outcome> {
    for (;;) {
      const report = this.reports.find(({ event }) => event === 'finished');
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      if (report?.event === 'finished') return report.outcome;
      this.clock.advance(stepMs);
    }
  }

  /** The outcome of a host that can't be asked what became of it: every further connection fails. */
  async unknownOutcome(): Promise<Outcome> {
    this.transport.reachable = false;
    return this.outcome({ stepMs: 500 });
  }
}
