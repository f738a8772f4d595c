import type { Socket } from 'node:net';

/**
 * Sends what is written to a socket within one callback as one segment. An SSH library writes every packet by itself,
 * and with Nagle's algorithm off each would wake the other side.
 */
export function joinWrites(socket: Socket): void {
  let joining = false;
  const write = socket.write;
  const joined = function (this: Socket, ...args: Parameters<typeof write>) {
    if (!joining) {
      joining = true;
      socket.cork();
      queueMicrotask(() => {
        joining = false;
        socket.uncork();
      });
    }
    return write.apply(socket, args);
  };
  socket.write = joined as typeof write;
}
