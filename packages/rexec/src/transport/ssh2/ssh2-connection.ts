import type { Socket } from 'node:net';
import type { Client, ClientChannel } from 'ssh2';
import type { ChannelEnd, Connection, ExecHandlers, ExecOutcome } from '../transport.js';

/** An authenticated ssh2 client as the contract wants it. */
export class Ssh2Connection implements Connection {
  readonly closed: Promise<void>;
  readonly #client: Client;
  readonly #socket: Socket;
  /** Why the connection is gone; undefined while it stands. */
  #lost: string | undefined;
  readonly #onLost = new Set<() => void>();

  constructor(client: Client, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      if (socket.closed) resolve();
      else socket.once('close', () => resolve());
    });
    client.on('error', (error) => this.#lose(error.message));
    client.on('close', () => this.#lose('the host closed the connection'));
  }

  exec(commandLine: string, handlers: ExecHandlers): Promise<ExecOutcome> {
    return new Promise((resolve) => {
      const lost = () => resolve({ ok: false, kind: 'lost', detail: this.#lost ?? 'closed' });
      if (this.#lost !== undefined || !this.#socket.writable) return lost();
      this.#onLost.add(lost);
      this.#client.exec(commandLine, (error, channel) => {
        this.#onLost.delete(lost);
        if (error === undefined) {
          this.#relay(channel, handlers);
          resolve({
            ok: true,
            channel: {
              write: (bytes) => void channel.write(bytes),
              pause: () => {
                channel.pause();
                channel.stderr.pause();
              },
              resume: () => {
                channel.resume();
                channel.stderr.resume();
              },
            },
          });
        } else if (this.#lost !== undefined) {
          lost();
        } else {
          resolve({ ok: false, kind: 'refused', detail: error.message.replace(/^\(SSH\) /, '') });
        }
      });
    });
  }

  close(): void {
    this.#lost ??= 'closed by this side';
    this.#client.end();
    this.#socket.destroySoon();
  }

  #relay(channel: ClientChannel, handlers: ExecHandlers): void {
    let exit: Pick<ChannelEnd, 'exitCode' | 'signal'> = {};
    let open = 2;
    const oneClosed = () => {
      if (--open > 0) return;
      handlers.closed({ ...exit, ...(this.#lost === undefined ? {} : { lost: this.#lost }) });
    };
    channel.on('data', (bytes: Buffer) => handlers.stdout(bytes));
    channel.stderr.on('data', (bytes: Buffer) => handlers.stderr(bytes));
    channel.on('exit', (code: number | null, signal?: string) => {
      if (code !== null) exit = { exitCode: code };
      else if (signal !== undefined) exit = { signal };
    });
    // Comes after the end of the data, also when the connection breaks.
    channel.on('close', oneClosed);
    channel.stderr.on('close', oneClosed);
    channel.on('error', () => undefined);
    channel.stderr.on('error', () => undefined);
  }

  #lose(detail: string): void {
    this.#lost ??= detail;
    for (const lost of this.#onLost) lost();
    this.#onLost.clear();
    if (!this.#socket.destroyed) this.#socket.destroy();
  }
}
