#!/usr/bin/env node
/**
 * The practice host as a program.
 *
 * 1. Settings come as one line of JSON on stdin: no secret is in the arguments or in the environment.
 * 2. The first line of stdout is JSON: `{ hosts: [{ address, port }], user, hostKeys }`, once it listens.
 * 3. It ends, with all that it started, when stdin ends or SIGINT, SIGTERM or SIGHUP comes.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '@pogo/lifecycle';
import { createKeyWithoutOpenSsh } from './key.js';
import { knownHostsText } from './known-hosts.js';
import { localShell } from './local-shell.js';
import { startPracticeHost } from './practice-host.js';
import { parsePracticeHostSettings } from './practice-host-settings.js';

const usage = `usage: practice-host < SETTINGS
Serves as one or more SSH hosts on loopback until stdin ends. SETTINGS is one line of JSON, for instance
  {"count": 3, "password": "secret", "knownHostsFile": "/tmp/known_hosts"}
`;

function fail(reason: string): never {
  process.stderr.write(`practice-host: ${reason}\n${usage}`);
  process.exit(2);
}

if (process.argv.length > 2) {
  if (process.argv[2] !== '--help') fail(`unexpected argument '${process.argv[2]}'`);
  process.stdout.write(usage);
  process.exit(0);
}

const lines = createInterface({ input: process.stdin });
const { value: firstLine } = await lines[Symbol.asyncIterator]().next();
if (firstLine === undefined) fail('stdin has no settings');
const parsed = parsePracticeHostSettings(String(firstLine));
if (!parsed.ok) fail(parsed.reason);
const { settings } = parsed;

const directory = mkdtempSync(join(tmpdir(), 'pogo-practice-'));
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
const writeLine = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const authorizedKeys = [...(settings.authorizedKeys ?? [])];
if (settings.clientKeyFile !== undefined) {
  const key = createKeyWithoutOpenSsh({
    directory: dirname(settings.clientKeyFile),
    name: basename(settings.clientKeyFile),
    ...(settings.clientKeyPassphrase === undefined ? {} : { passphrase: settings.clientKeyPassphrase }),
  });
  authorizedKeys.push(key.publicLine);
}
const user = settings.user ?? userInfo().username;
const host = await startPracticeHost({
  user,
  directory,
  ...(settings.password === undefined ? {} : { password: settings.password }),
  ...(authorizedKeys.length === 0 ? {} : { authorizedKeys }),
  ...(settings.count === undefined ? {} : { count: settings.count }),
  ...(settings.layout === undefined ? {} : { layout: settings.layout }),
  ...(settings.authLog === true ? { onAuthAttempt: (attempt) => writeLine({ authAttempt: attempt }) } : {}),
  executor: localShell({
    clock: systemClock,
    directory,
    environment: { PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin' },
    ...(settings.graceMs === undefined ? {} : { graceMs: settings.graceMs }),
  }),
});
if (settings.knownHostsFile !== undefined) {
  const lines = host.hosts.map(({ address, port }) =>
    knownHostsText({ hosts: [address], port, keys: host.hostPublicKeys }),
  );
  writeFileSync(settings.knownHostsFile, lines.join(''), { mode: 0o600 });
}
writeLine({ hosts: host.hosts, user, hostKeys: host.hostPublicKeys });

let stopping = false;
const stop = async () => {
  if (stopping) return;
  stopping = true;
  await host.stop();
  process.exit(0);
};
// Whoever read our first line may have gone; that is no reason to leave anything behind.
process.stdout.on('error', () => void stop());
lines.on('close', () => void stop());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop());
