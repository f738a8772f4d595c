import type { Socket } from 'node:net';
import type { Clock } from '@pogo/lifecycle';
import type { Client, ClientChannel } from 'ssh2';
import { type Pausable, ReadPause } from './read-pause.js';
import type { ChannelEnd, Connection, ExecHandlers, ExecOutcome } from '../transport.js';

/** An authenticated ssh2 client as the contract wants it. */
export class Ssh2Connection implements Connection {
  readonly closed: Promise<void>;
  readonly #client: Client;
  readonly #socket: Socket;
  /** Why the connection is gone; undefined while it stands. */
  #lost: string | undefined;
  readonly #onLost = new Set<() => void>();
  readonly #reading: ReadPause;

  constructor(options: { client: Client; socket: Socket; clock: Clock; keepaliveMs: number }) {
    const { client, socket, clock, keepaliveMs } = options;
    this.#client = client;
    this.#socket = socket;
    this.#reading = new ReadPause({ socket, clock, socketMs: keepaliveMs / 2 });
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
          const streams: Pausable = {
            pause: () => {
              channel.pause();
              channel.stderr.pause();
            },
            resume: () => {
              channel.resume();
              channel.stderr.resume();
            },
          };
          this.#relay(channel, streams, handlers);
          resolve({
            ok: true,
            channel: {
              write: (bytes) => void channel.write(bytes),
              send: (bytes) => this.#send(channel, bytes),
              close: () => channel.close(),
              pause: () => this.#reading.pause(streams),
              resume: () => this.#reading.resume(streams),
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
    this.#reading.stop();
    this.#client.end();
    this.#socket.destroySoon();
  }

  #send(channel: ClientChannel, bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#lost !== undefined || !channel.writable) return resolve(false);
      // The callback of a write that never finds a window isn't called.
      const gone = () => resolve(false);
      channel.once('close', gone);
      channel.write(bytes, (error) => {
        channel.off('close', gone);
        resolve(error === undefined || error === null);
      });
    });
  }

  #relay(channel: ClientChannel, streams: Pausable, handlers: ExecHandlers): void {
    this.#reading.opened(streams);
    let exit: Pick<ChannelEnd, 'exitCode' | 'signal'> = {};
    let open = 2;
    const oneClosed = () => {
      if (--open > 0) return;
      this.#reading.closed(streams);
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
    this.#reading.stop();
    for (const lost of this.#onLost) lost();
    this.#onLost.clear();
    if (!this.#socket.destroyed) this.#socket.destroy();
  }
}
