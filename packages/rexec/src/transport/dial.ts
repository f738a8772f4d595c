/**
 * Opens a TCP connection to a host by whichever of its addresses answers first (RFC 8305: addresses one after the
 * other, 250 ms apart or as soon as one has failed).
 *
 * 1. Sockets that didn't win, or come too late, are destroyed.
 * 2. `connectMs` covers name resolution and all addresses.
 */
import { connect, type Socket } from 'node:net';
import type { ReasonCode } from '@pogo/core';
import type { Clock, Timer } from '@pogo/lifecycle';
import { resolveHost } from './resolve.js';

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export type DialOutcome =
  | { readonly ok: true; readonly socket: Socket }
  | { readonly ok: false; readonly kind: 'aborted' }
  | { readonly ok: false; readonly kind: 'failed'; readonly reason: ReasonCode; readonly detail: string };

const nextAddressMs = 250;

/** Resolves and connects; the socket has Nagle's algorithm off and is paused. */
export async function dial(options: DialOptions): Promise<DialOutcome> {
  const { host, port, clock, connectMs, signal } = options;
  const startedMs = clock.monotonicMs();
  const seconds = (connectMs / 1000).toFixed(connectMs % 1000 === 0 ? 0 : 1);
  const resolved = await within(options, connectMs, resolveHost(host));
  if (signal.aborted) return { ok: false, kind: 'aborted' };
  if (resolved === undefined) {
    return {
      ok: false,
      kind: 'failed',
      reason: 'dns',
      detail: `no name server answered within ${seconds} s`,
    };
  }
  if (!resolved.ok) return { ok: false, kind: 'failed', reason: 'dns', detail: resolved.detail };
  const { addresses } = resolved;

  return new Promise((resolve) => {
    const open = new Set<Socket>();
    const failures: { address: string; code: string }[] = [];
    let next = 0;
    let stagger: Timer | undefined;

    const settle = (outcome: DialOutcome) => {
      stagger?.cancel();
      limit.cancel();
      signal.removeEventListener('abort', onAbort);
      for (const socket of open) if (!outcome.ok || socket !== outcome.socket) socket.destroy();
      open.clear();
      resolve(outcome);
    };
    const onAbort = () => settle({ ok: false, kind: 'aborted' });
    const limit = clock.setTimer(Math.max(0, connectMs - (clock.monotonicMs() - startedMs)), () => {
      const detail = `no answer within ${seconds} s`;
      settle({ ok: false, kind: 'failed', reason: 'connect-timeout', detail });
    });
    signal.addEventListener('abort', onAbort, { once: true });

    const dialNext = () => {
      stagger?.cancel();
      const address = addresses[next++];
      if (address === undefined) return;
      const socket = connect({ host: address, port, noDelay: true });
      open.add(socket);
      socket.once('connect', () => {
        if (!open.has(socket)) return;
        settle({ ok: true, socket });
      });
      // Stays for good: an error may come before the socket's next owner listens.
      socket.on('error', (error: NodeJS.ErrnoException) => {
        if (!open.delete(socket)) return;
        failures.push({ address, code: error.code ?? 'unknown' });
        if (failures.length === addresses.length) settle(failed(failures));
        else if (next < addresses.length) dialNext();
      });
      if (next < addresses.length) stagger = clock.setTimer(nextAddressMs, dialNext);
    };
    dialNext();
  });
}

const sentences: Record<string, { reason: ReasonCode; text: string }> = {
  ECONNREFUSED: { reason: 'connection-refused', text: 'connection refused' },
  EHOSTUNREACH: { reason: 'no-route', text: 'no route to host' },
  ENETUNREACH: { reason: 'no-route', text: 'network is unreachable' },
  EHOSTDOWN: { reason: 'no-route', text: 'host is down' },
  EADDRNOTAVAIL: { reason: 'no-route', text: 'the worker has no address or port to connect from' },
  EINVAL: { reason: 'no-route', text: 'the worker cannot use this address' },
  EACCES: { reason: 'no-route', text: 'a firewall forbids the connection' },
  EPERM: { reason: 'no-route', text: 'a firewall forbids the connection' },
  ETIMEDOUT: { reason: 'connect-timeout', text: 'no answer' },
  ECONNRESET: { reason: 'connection-refused', text: 'connection reset' },
  EMFILE: { reason: 'no-socket', text: 'the worker has no file descriptor left' },
  ENFILE: { reason: 'no-socket', text: 'the worker has no file descriptor left' },
  ENOBUFS: { reason: 'no-socket', text: 'the worker has no buffer space left' },
  ENOMEM: { reason: 'no-socket', text: 'the worker has no memory left' },
};

/** The failure that says most: a refusal proves that the host is there. */
function failed(failures: readonly { address: string; code: string }[]): DialOutcome {
  const order: ReasonCode[] = ['connection-refused', 'no-socket', 'connect-timeout', 'no-route'];
  const known = failures.map(
    ({ code }) => sentences[code] ?? { reason: 'no-route' as const, text: `cannot connect (${code})` },
  );
  const reason =
    order.find((candidate) => known.some((failure) => failure.reason === candidate)) ?? 'no-route';
  const detail =
    failures.length === 1
      ? known[0]!.text
      : failures.map(({ address }, index) => `${address}: ${known[index]!.text}`).join('; ');
  return { ok: false, kind: 'failed', reason, detail };
}

/** The value, or undefined when the time is up or the signal aborts first. */
function within<T>(
  { clock, signal }: Pick<DialOptions, 'clock' | 'signal'>,
  ms: number,
  value: Promise<T>,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    const end = (result: T | undefined) => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const onAbort = () => end(undefined);
    const timer = clock.setTimer(ms, () => end(undefined));
    signal.addEventListener('abort', onAbort, { once: true });
    void value.then(end);
  });
}
