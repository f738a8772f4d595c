/**
 * Which spec each job had that was submitted from here: a dispatcher that is asked for a job's spec later, so that
 * credentials can be sealed for it anew, could answer with another one.
 *
 * 1. A private file per instance, one line a job, the newest last; at most {@link maxRemembered} to twice as many.
 * 2. Forgetting costs a question, never a job: what can't be read counts as not remembered.
 */
import { createHash } from 'node:crypto';
import { appendFile, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientProfile, HomeLayout } from '@pogo/protocol';

export const maxRemembered = 2000;
/** `p0000000012 sha256:…` and a line feed. */
const lineBytes = 84;
const linePattern = /^(p\d{10}) (sha256:[0-9a-f]{64})$/;

export class SubmittedJobs {
  readonly #path: string;

  constructor(layout: HomeLayout, profile: Pick<ClientProfile, 'linkRoot'>) {
    const instance = createHash('sha256').update(profile.linkRoot).digest('hex').slice(0, 16);
    this.#path = join(layout.client.dir, `submitted-${instance}`);
  }

  /** False when it could not be written down. */
  async remember(job: string, digest: string): Promise<boolean> {
    try {
      await appendFile(this.#path, `${job} ${digest}\n`, { mode: 0o600 });
      const { size } = await stat(this.#path);
      if (size > 2 * maxRemembered * lineBytes) await this.#shorten();
      return true;
    } catch {
      return false;
    }
  }

  /** The digest of the job's spec as it was submitted; undefined when it wasn't from here, or long ago. */
  async digestOf(job: string): Promise<string | undefined> {
    let content: string;
    try {
      content = await readFile(this.#path, 'utf8');
    } catch {
      return undefined;
    }
    return content
      .split('\n')
      .map((line) => linePattern.exec(line))
      .findLast((match) => match?.[1] === job)?.[2];
  }

  async #shorten(): Promise<void> {
    const lines = (await readFile(this.#path, 'utf8')).split('\n').filter((line) => linePattern.test(line));
    const shorter = `${this.#path}.new`;
    await writeFile(
      shorter,
      lines
        .slice(-maxRemembered)
        .map((line) => `${line}\n`)
        .join(''),
      { mode: 0o600 },
    );
    await rename(shorter, this.#path);
  }
}
