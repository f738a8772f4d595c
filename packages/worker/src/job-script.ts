import type { Command } from '@pogo/protocol';
import type { AttachmentCache, AttachmentUse } from './attachment-cache.js';

/** The script that came with a job, if its command is one: fetched before the job's first host begins. */
export class JobScript {
  #state: 'none' | 'coming' | 'here' | 'missing';
  #failure = '';
  readonly #use: AttachmentUse | undefined;

  constructor(options: { command: Command; attachments: AttachmentCache }) {
    const { command, attachments } = options;
    this.#use = command.kind === 'script' ? attachments.use(command) : undefined;
    this.#state = this.#use === undefined ? 'none' : 'coming';
  }

  /** `none`: the job has no script. `missing`: it can't be had. */
  get state(): 'none' | 'coming' | 'here' | 'missing' {
    return this.#state;
  }

  /** Why it can't be had. */
  get failure(): string {
    return this.#failure;
  }

  /** Its path on this worker, whole and verified; undefined when there is none. */
  async fetched(): Promise<string | undefined> {
    const outcome = await this.#use?.fetched;
    if (outcome === undefined) return undefined;
    if (outcome.kind === 'failed') {
      this.#state = 'missing';
      this.#failure = outcome.message;
      return undefined;
    }
    this.#state = 'here';
    return outcome.path;
  }

  /** The job doesn't need it any more. */
  async release(): Promise<void> {
    await this.#use?.release();
  }
}
