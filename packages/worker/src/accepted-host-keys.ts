import { open } from 'node:fs/promises';

/** What `accept-new` met for the first time. */
export interface AcceptedHostKey {
  host: string;
  port: number;
  /** `type base64`. */
  key: string;
}

/** What of a file is used; a seam for disks that are full. */
export interface KnownHostsFile {
  stat(): Promise<{ size: number }>;
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  write(bytes: Buffer): Promise<{ bytesWritten: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}
export type OpenKnownHosts = (path: string, flags: string, mode: number) => Promise<KnownHostsFile>;

/** Marks lines that nobody has vouched for: passwords are never sent on their strength (security.md). */
export const acceptNewComment = 'pogo:accept-new';

/**
 * The worker's record of host keys that were accepted on first sight, in known_hosts format. One line is one write
 * at the end of the file, so that a line is there whole or not at all: a part of one, which is all that a full disk takes,
 * could lack the mark at its end, and is taken away again. Nothing in it is secret: a rexec with an account of its own
 * reads it by the group.
 */
export class AcceptedHostKeys {
  readonly #file: string;
  readonly #openFile: OpenKnownHosts;
  readonly #written = new Set<string>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: string, openFile: OpenKnownHosts = open) {
    this.#file = file;
    this.#openFile = openFile;
  }

  /** Resolves to undefined once it is in the file, otherwise to why not. */
  add(accepted: AcceptedHostKey): Promise<string | undefined> {
    const added = this.#turn.then(() => this.#append(accepted));
    this.#turn = added;
    return added;
  }

  async #append({ host, port, key }: AcceptedHostKey): Promise<string | undefined> {
    if (!/^[^\s,#|*?!\0-\x1f]+$/.test(host) || !/^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$/.test(key)) {
      return 'not a host name and key that known_hosts can hold';
    }
    const line = `${port === 22 ? host : `[${host}]:${port}`} ${key} ${acceptNewComment}\n`;
    if (this.#written.has(line)) return undefined;
    let file: KnownHostsFile | undefined;
    try {
      file = await this.#openFile(this.#file, 'a+', 0o640);
      const { size } = await file.stat();
      const bytes = Buffer.from((await endsInNewline(file, size)) ? line : `\n${line}`);
      const { bytesWritten } = await file.write(bytes);
      if (bytesWritten < bytes.length) {
        await file.truncate(size);
        return `only ${bytesWritten} of ${bytes.length} bytes could be written: is the disk of ${this.#file} full?`;
      }
      await file.sync();
      this.#written.add(line);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    } finally {
      await file?.close();
    }
  }
}

async function endsInNewline(file: KnownHostsFile, size: number): Promise<boolean> {
  if (size === 0) return true;
  const last = Buffer.alloc(1);
  await file.read(last, 0, 1, size - 1);
  return last[0] === 0x0a;
}
