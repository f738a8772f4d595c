import type { Clock } from '@pogo/lifecycle';
import { dial } from '../dial.js';
import { joinWrites } from '../join-writes.js';
import type { ConnectOptions, ConnectOutcome, Transport } from '../transport.js';
import { Ssh2Connection } from './ssh2-connection.js';
import { handshake, type HandshakeSettings } from './ssh2-handshake.js';

/** SSH by the ssh2 library, over sockets of our own: Nagle's algorithm alone would double the time of a connection. */
export class Ssh2Transport implements Transport {
  readonly #settings: HandshakeSettings;

  /** `keepaliveMs`: a host that answers none of three, so far apart, is lost; 10 s by default. */
  constructor({ clock, keepaliveMs = 10_000 }: { clock: Clock; keepaliveMs?: number }) {
    this.#settings = { clock, keepaliveMs };
  }

  async connect(options: ConnectOptions): Promise<ConnectOutcome> {
    const { target, connectMs, signal } = options;
    const dialled = await dial({ ...target, connectMs, signal, clock: this.#settings.clock });
    if (!dialled.ok) {
      return dialled.kind === 'aborted'
        ? { ok: false, failure: { kind: 'aborted' } }
        : { ok: false, failure: { kind: 'unreachable', reason: dialled.reason, detail: dialled.detail } };
    }
    joinWrites(dialled.socket);
    const shaken = await handshake(dialled.socket, options, this.#settings);
    return shaken.ok
      ? {
          ok: true,
          connection: new Ssh2Connection({
            client: shaken.client,
            socket: dialled.socket,
            ...this.#settings,
          }),
        }
      : shaken;
  }
}
