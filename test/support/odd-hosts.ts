import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { NetworkNamespace } from '@pogo/testkit';

/** Servers that misbehave, inside a namespace, each at an address of its own and all on one port. */
export interface OddHosts {
  readonly port: number;
  stop(): Promise<void>;
}

/** Acts by name; `@pogo/testkit` has them for the tests' own process, these run where the hosts are. */
const program = `
const { createServer } = require('node:net');
const acts = {
  silent: () => undefined,
  'closes-in-handshake': (socket) => {
    socket.write('SSH-2.0-Odd_1.0\\r\\n');
    socket.once('data', () => socket.end());
  },
};
const [port, ...hosts] = process.argv.slice(1);
let listening = 0;
for (const host of hosts) {
  const [address, oddity] = host.split('=');
  createServer((socket) => {
    socket.on('error', () => undefined);
    socket.resume();
    acts[oddity](socket);
  }).listen(Number(port), address, () => {
    if (++listening === hosts.length) console.log('listening');
  });
}
process.stdin.on('end', () => process.exit()).resume();`;

/** @param hosts address → how it is odd */
export async function startOddHosts(
  namespace: NetworkNamespace,
  port: number,
  hosts: Readonly<Record<string, 'silent' | 'closes-in-handshake'>>,
): Promise<OddHosts> {
  const child: ChildProcess = namespace.spawn(
    'node',
    [
      '-e',
      program,
      String(port),
      ...Object.entries(hosts).map(([address, oddity]) => `${address}=${oddity}`),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'close');
  const ready = once(createInterface({ input: child.stdout! }), 'line').then(() => true);
  if (!(await Promise.race([ready, ended.then(() => false)]))) throw new Error('the odd hosts did not start');
  return {
    port,
    async stop() {
      child.stdin!.end();
      await ended;
    },
  };
}
