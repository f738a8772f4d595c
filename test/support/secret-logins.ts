/**
 * Logins by every method, with secrets that exist nowhere else: what to look for, and where the test itself has put it.
 *
 * 1. Each login has hosts of its own: two commands of one account never run on a host at once.
 * 2. Whatever account a command runs as, its home is among `accounts`.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { homeLayout } from '@pogo/protocol';
import { type Account, addSudoRules, type Key, type Sshd } from '@pogo/testkit';
import ssh2 from 'ssh2';
import { type Needle, needlesOf } from './needles.js';
import { createOneTimeCodes } from './one-time-codes.js';
import { restartWorker } from './restart-worker.js';
import type { Scene } from './scene.js';
import { allowSudoByAgent } from './sudo-by-agent.js';

const plugin = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'examples', 'auth-method-otp');

export interface SecretLogin {
  readonly method: string;
  /** How many hosts it is for. */
  readonly hosts: number;
  /** Whether the hosts let its command run. */
  readonly accepted: boolean;
  /** Options of `pogo run`, its hosts among them. */
  readonly options: readonly string[];
}

export interface SecretLogins {
  readonly logins: readonly SecretLogin[];
  /** What users give, by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Of all secrets, and of what is made from them; each form begins with the secret's name. */
  readonly needles: readonly Needle[];
  /** Files in which the test itself has put secrets. */
  readonly files: readonly string[];
  readonly accounts: readonly Account[];
  /** What the hosts have logged. */
  log(): string;
  /** Takes back what is in force outside the scene. */
  remove(): void;
}

const canary = () => `canary-${randomUUID()}`;

/** Sets all up, and restarts the worker with the plug-in, and with leave to forward agents. */
export async function openSecretLogins(scene: Scene): Promise<SecretLogins> {
  const undo: (() => void)[] = [];
  const passwords = {
    password: canary(),
    passphrase: canary(),
    'refused sudo password': canary(),
    'accepted sudo password': canary(),
  };
  const key = await scene.key({ passphrase: passwords.passphrase });
  const accountWith = async (rules: readonly string[], password?: string) => {
    const account = await scene.account({
      authorizedKeys: [key.publicLine],
      ...(password !== undefined && { password }),
    });
    if (rules.length > 0) {
      const inForce = await addSudoRules(rules.map((rule) => rule.replaceAll('USER', account.name)));
      undo.push(() => inForce.remove());
    }
    return account;
  };

  const account = await scene.account({ password: passwords.password });
  const keyAccount = await accountWith([]);
  const sudoAccount = await accountWith(['USER ALL=(ALL) ALL'], passwords['accepted sudo password']);
  const byAgent = allowSudoByAgent(key);
  undo.push(() => byAgent.remove());
  const agentAccount = await accountWith(byAgent.rules);
  const codes = createOneTimeCodes(account);
  undo.push(() => codes.pam.remove());
  const sshd = await scene.sshd({
    methods: ['publickey', 'password', 'keyboard-interactive'],
    hostKeyTypes: ['ed25519'],
  });
  const codeSshd = await scene.sshd({
    methods: ['keyboard-interactive'],
    hostKeyTypes: ['ed25519'],
    pamService: codes.pam.name,
  });

  const secrets = { ...passwords, 'plug-in secret': codes.secret };
  const files = {
    password: scene.file('password', `${secrets.password}\n`),
    refused: scene.file(
      'refused.yaml',
      `passphrase: ${secrets.passphrase}\nsudo_password: ${secrets['refused sudo password']}\n`,
    ),
    accepted: scene.file(
      'accepted.yaml',
      `passphrase: ${secrets.passphrase}\nsudo_password: ${secrets['accepted sudo password']}\n`,
    ),
    plugin: scene.file(
      'plugin.yaml',
      `password: ${secrets.password}\nsecrets:\n  otp-key: ${secrets['plug-in secret']}\n`,
    ),
    key: key.privatePath,
  };

  const { config } = homeLayout(scene.cluster.home).worker;
  const settings = [`authPlugins: ${JSON.stringify({ otp: plugin })}`, 'allowAgentForwarding: true'];
  writeFileSync(config, `${readFileSync(config, 'utf8')}\n${settings.join('\n')}\n`);
  await restartWorker(scene);

  const logins: SecretLogin[] = [];
  let addresses = 0;
  const add = (
    method: string,
    login: string[],
    more: { on?: Sshd; hosts?: number; accepted?: boolean } = {},
  ) => {
    const { on = sshd, hosts = 2, accepted = true } = more;
    const targets = Array.from({ length: hosts }, () => `127.0.1.${++addresses}`);
    const reach = ['-h', targets.join(','), '-p', String(on.port), '--known-hosts', on.knownHosts(targets)];
    logins.push({ method, hosts, accepted, options: [...reach, ...login] });
  };
  const byPassword = ['-l', account.name, '--password-file', files.password];
  const byKey = (who: Account, secretsFile: string) => [
    ...['-l', who.name, '--identity', key.privatePath, '-S', secretsFile, '--auth', 'publickey'],
  ];
  const runAs = ['--run-as', account.name];
  add('password', [...byPassword, '--auth', 'password']);
  add('keyboard-interactive', [...byPassword, '--auth', 'keyboard-interactive']);
  add('publickey', byKey(keyAccount, files.refused));
  // sudo has no rule for the account: its password is typed, refused, and must be nowhere all the same.
  add('sudo that refuses', [...byKey(keyAccount, files.refused), ...runAs], { accepted: false });
  add('sudo', [...byKey(sudoAccount, files.accepted), ...runAs]);
  add('sudo by a forwarded agent', [...byKey(agentAccount, files.accepted), ...runAs, '--forward-agent']);
  // A code serves once, and is the same for half a minute.
  add('a plug-in', ['-l', account.name, '-S', files.plugin, '--auth', 'otp'], { on: codeSshd, hosts: 1 });

  return {
    logins,
    secrets,
    needles: [
      ...Object.entries(secrets).flatMap(([name, secret]) => named(name, secret)),
      ...named('plug-in key', codes.key),
      ...named('key seed', seedOf(key, secrets.passphrase)),
      // A line of the encrypted key file: it, too, stays with client and rexec.
      ...named('key file', readFileSync(key.privatePath, 'utf8').split('\n')[2]!),
    ],
    files: Object.values(files),
    accounts: [account, keyAccount, sudoAccount, agentAccount],
    log: () => sshd.log() + codeSshd.log(),
    remove: () => {
      for (const act of undo) act();
    },
  };
}

function named(name: string, secret: string | Buffer): Needle[] {
  return needlesOf(secret).map(({ form, bytes }) => ({ form: `${name}: ${form}`, bytes }));
}

/** The 32 bytes that an Ed25519 key is made from. */
function seedOf({ privatePath }: Key, passphrase: string): Buffer {
  const parsed = ssh2.utils.parseKey(readFileSync(privatePath), passphrase);
  if (parsed instanceof Error || Array.isArray(parsed)) throw new Error('the key cannot be read');
  const der = Buffer.from(parsed.getPrivatePEM().replace(/-----[^\n]*-----|\s/g, ''), 'base64');
  return der.subarray(-32);
}
