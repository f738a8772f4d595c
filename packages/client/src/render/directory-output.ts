/** `--outdir`: each host's stdout in a file of its name, and its stderr, if any, beside it in NAME.err. */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { exitCodes, failed, type Result, success } from '../failure.js';
import type { OutputGap, OutputPiece } from '../run/follow-job.js';
import { systemErrorText } from '../system-error.js';
import type { OutputSink } from './output-sink.js';
import type { Writer } from './writer.js';

/** Files open at once; the one that was used longest ago is closed for another. */
const maxOpenFiles = 128;

export class DirectoryOutput implements OutputSink {
  readonly #directory: string;
  readonly #stderr: Writer;
  /** In the order of their last use. */
  readonly #open = new Map<string, FileHandle>();
  /** Files that this run began: the first opening empties what an earlier run left. */
  readonly #begun = new Set<string>();

  private constructor(directory: string, stderr: Writer) {
    this.#directory = directory;
    this.#stderr = stderr;
  }

  /** Makes the directory where it is missing. */
  static async open(directory: string, stderr: Writer): Promise<Result<DirectoryOutput>> {
    try {
      await mkdir(directory, { recursive: true });
    } catch (error) {
      return failed({
        code: 'unwritable-directory',
        message: `--outdir ${directory}: ${systemErrorText(error)}`,
        exitCode: exitCodes.usage,
      });
    }
    return success(new DirectoryOutput(directory, stderr));
  }

  async output({ host, stream, data }: OutputPiece): Promise<void> {
    const file = await this.#file(stream === 'stdout' ? host : `${host}.err`);
    await file.writeFile(data);
  }

  async gap({ host, detail }: OutputGap): Promise<void> {
    await this.#stderr.write(`pogo: output-gap: ${host === undefined ? '' : `${host}: `}${detail}\n`);
  }

  async end(): Promise<void> {
    for (const file of this.#open.values()) await file.close();
    this.#open.clear();
  }

  async #file(name: string): Promise<FileHandle> {
    const known = this.#open.get(name);
    if (known !== undefined) {
      this.#open.delete(name);
      this.#open.set(name, known);
      return known;
    }
    if (this.#open.size >= maxOpenFiles) {
      const [oldest, file] = this.#open.entries().next().value!;
      this.#open.delete(oldest);
      await file.close();
    }
    const file = await open(join(this.#directory, name), this.#begun.has(name) ? 'a' : 'w');
    this.#begun.add(name);
    this.#open.set(name, file);
    return file;
  }
}
