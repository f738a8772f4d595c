/**
 * Stands between client and dispatcher and writes down the plaintext of both directions. It can, because it is given
 * the dispatcher's own key: this is what a compromised dispatcher host would see of HTTP.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type TLSSocket } from 'node:tls';

const [homeDirectory, upstreamPort] = process.argv.slice(2);
const file = (...names: string[]) => readFileSync([homeDirectory, ...names].join('/'));
const sockets = new Set<TLSSocket>();

const server = createServer(
  { key: file('dispatcher', 'link.key'), cert: file('dispatcher', 'link.crt'), minVersion: 'TLSv1.3' },
  (client) => {
    const upstream = connect({
      port: Number(upstreamPort),
      host: '127.0.0.1',
      ca: file('instance', 'link-root.crt'),
      checkServerIdentity: () => undefined,
    });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Buffer) => process.stdout.write(chunk));
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  },
);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stderr.write(`${(server.address() as { port: number }).port}\n`);
process.stdin.resume();
process.stdin.on('end', () => {
  server.close();
  for (const socket of sockets) socket.destroy();
});
