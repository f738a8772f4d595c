/**
 * The floor: ssh2 alone, one connection and one exec per host, own no-delay socket, 64 at once, host key checked.
 * Arguments: a JSON object in the first. Prints each host's output; exits with 1 when a host failed.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { Client } from 'ssh2';

const options = JSON.parse(process.argv[2]!) as {
  hosts: string[];
  port: number;
  user: string;
  identity: string;
  hostKeys: string[];
  command: string;
  fanout: number;
};
const privateKey = readFileSync(options.identity);
const known = options.hostKeys.map((key) => Buffer.from(key, 'base64'));
let failed = false;

function runHost(host: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(options.port, host);
    socket.setNoDelay(true);
    const client = new Client();
    let output = '';
    const end = (good: boolean) => {
      if (!good) failed = true;
      client.end();
      resolve();
    };
    client.on('error', () => end(false));
    client.on('ready', () => {
      client.exec(options.command, (error, channel) => {
        if (error) return end(false);
        channel.on('data', (chunk: Buffer) => (output += chunk.toString()));
        channel.stderr.resume();
        channel.on('close', (code: number) => {
          process.stdout.write(`${host}: ${output}`);
          end(code === 0);
        });
      });
    });
    client.connect({
      sock: socket,
      username: options.user,
      privateKey,
      hostVerifier: (key: Buffer) => known.some((one) => one.equals(key)),
    });
  });
}

const queue = [...options.hosts];
await Promise.all(
  Array.from({ length: options.fanout }, async () => {
    for (let host = queue.shift(); host !== undefined; host = queue.shift()) await runHost(host);
  }),
);
process.exit(failed ? 1 : 0);
