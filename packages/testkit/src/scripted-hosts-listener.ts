import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { inNetworkNamespace, type NetworkNamespace } from './network-namespace.js';

/**
 * Opens the port in the namespace and hands it over: a socket stays in the namespace in which it was made, whoever has it. The
 * child must not end before the parent has the socket, so it is the parent that ends it.
 */
const opener = `
const server = require('node:net').createServer();
server.on('error', (error) => { console.error(error.message); process.exit(1); });
server.listen({ host: '0.0.0.0', port: Number(process.argv[1]), backlog: 4096 }, () => process.send('listening', server));
process.on('disconnect', () => process.exit(0));`;

export interface ListenOptions {
  /** Undefined: in this process's own, which must have only `lo`. */
  namespace: NetworkNamespace | undefined;
  /** 0 takes a free one. */
  port: number;
  onConnection: (socket: Socket) => void;
}

/** Listens on every address of a network namespace that has only `lo`, seen from inside or from outside. */
export async function listenEverywhere({ namespace, port, onConnection }: ListenOptions): Promise<Server> {
  if (namespace !== undefined) {
    const server = await openInside(namespace, port);
    server.on('connection', onConnection);
    return server;
  }
  if (!inNetworkNamespace()) {
    throw new Error(
      'other-interfaces: all addresses are listened on only where there is no interface but lo',
    );
  }
  const server = createServer(onConnection);
  server.listen({ host: '0.0.0.0', port, backlog: 4096 });
  await once(server, 'listening');
  return server;
}

async function openInside(namespace: NetworkNamespace, port: number): Promise<Server> {
  const options: SpawnOptions = { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] };
  const { file, args } = namespace.command(readlinkSync('/proc/self/exe'), ['-e', opener, String(port)]);
  const child = spawn(file, args, options);
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = once(child, 'exit');
  const handed = once(child, 'message').then(([, server]) => server as Server);
  const server = await Promise.race([handed, ended.then(() => undefined)]);
  if (server === undefined) throw new Error(`no-listener: port ${port} can't be opened: ${complaint.trim()}`);
  child.disconnect();
  await ended;
  return server;
}
