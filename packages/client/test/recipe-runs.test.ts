/** `pogo run -R` and `pogo plan -R`: what the dispatcher is asked for, and what is stronger than what. */
import { beforeEach, describe, expect, it } from 'vitest';
import { key, useClient } from './support/client.js';
import type { ScriptedDispatcher } from './support/scripted-dispatcher.js';

const client = useClient();

const cookbook = `- name: careful
  concurrent: 25%
  timeout: 2m
  auth: [publickey]
  exclude: web9
- name: restart
  based_on: careful
  parameters:
    service: {}
    where: { type: hosts, default: 'web[1-4]' }
    tries: { type: integer, min: 0, max: 5, default: 0 }
    force: { type: boolean, default: false }
    rack: { type: choice, choices: [a, b], default: a }
  target: '{{where}}'
  command: [systemctl, restart, '{{service}}', '{{service}}.{{rack}}']
  run-as: root
  retry: '{{tries}}'
  unconstrained: '{{force}}'
- name: text
  parameters: { what: {} }
  target: web1
  command: echo "now {{what}}" {{what}}
- name: script
  parameters: { version: {} }
  target: web1
  file: up.sh
  args: [--to, '{{version}}']
- name: steps
  parameters: { unit: {} }
  target: web1
  command: [systemctl, restart, '{{unit}}']
  prehooks: true
  posthooks: false
  health: systemctl is-active {{unit}}
  health-retries: 3
- name: word
  parameters: { what: {} }
  target: web1
  command: ['{{what}}']
- name: open
  target: web1
  identity: id
  gather: true
  detach: false
- name: verbose
  based_on: open
  command: uptime
  forward-agent: true
`;

beforeEach(async () => {
  await client.pogo.file('books/cookbook.yaml', cookbook);
  await client.pogo.file('books/up.sh', '#!/bin/sh\necho up\n');
  await client.pogo.file('books/id', '-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n');
  await client.pogo.file('home/.pogoconf', 'cookbook: ../books/cookbook.yaml\n');
});

async function ended(args: readonly string[]) {
  const { code, stdout, stderr } = await client.pogo.run(args);
  return { code, stdout: stdout.toString('utf8'), stderr };
}

/** Runs it, and gives the spec and limits of the job that was made. */
async function submitted(...args: string[]): Promise<NonNullable<ScriptedDispatcher['submitted']>> {
  const dispatcher = await client.dispatcherWith();
  const { code, stderr } = await ended(['run', '-d', '--identity', key, ...args]);
  expect(stderr).not.toContain('pogo: ');
  expect(code).toBe(0);
  return dispatcher.submitted!;
}

describe('a run of a recipe', () => {
  it('asks for what the recipe and its base say, with the values of its parameters', async () => {
    const { spec, limits } = await submitted('-R', 'restart', 'service=a b; $(id)', 'tries=2', 'force=true');
    expect(spec).toMatchObject({
      targets: `${spec.user}@web[1-4]:22`,
      command: { kind: 'argv', argv: ['systemctl', 'restart', 'a b; $(id)', 'a b; $(id).a'] },
      runAs: 'root',
      retries: 2,
      unconstrained: true,
      auth: { methods: ['publickey'] },
      timeouts: { commandMs: 120_000 },
    });
    expect(limits).toMatchObject({ concurrent: 1 });
  });

  it('takes values into a shell string as literal text', async () => {
    const { spec } = await submitted('-R', 'text', `what=it's "$(id)"`);
    expect(spec.command).toEqual({
      kind: 'shell',
      script: `echo "now "'it'\\''s "$(id)"'"" 'it'\\''s "$(id)"'`,
    });
  });

  it('never makes a shell string of a list, whatever the value', async () => {
    const { spec } = await submitted('-R', 'word', 'what=rm -rf / ; true');
    expect(spec.command).toEqual({ kind: 'argv', argv: ['rm -rf / ; true'] });
  });

  it('runs a script that lies beside the cookbook', async () => {
    const { spec } = await submitted('-R', 'script', 'version=1 2');
    expect(spec.command).toMatchObject({ kind: 'script', name: 'up.sh', args: ['--to', '1 2'] });
  });

  it('has steps besides the command, with values as literal text there too', async () => {
    const { spec } = await submitted('-R', 'steps', 'unit=a; id');
    expect(spec).toMatchObject({ health: { command: "systemctl is-active 'a; id'", retries: 3 } });
    expect(spec.hooks).toEqual({ post: false });
    const without = await submitted('-R', 'steps', '--no-hooks', 'unit=a');
    expect(without.spec.hooks).toEqual({ pre: false, post: false });
  });

  it('takes its command from the command line when it has none', async () => {
    const { spec } = await submitted('-R', 'open', '--', 'echo', '{{x}}', 'a=b');
    expect(spec.command).toEqual({ kind: 'argv', argv: ['echo', '{{x}}', 'a=b'] });
  });

  it('finds keys beside the cookbook', async () => {
    await client.dispatcherWith();
    const { code, stderr } = await ended(['run', '-d', '-R', 'open', 'uptime']);
    expect(stderr).not.toContain('pogo: ');
    expect(code).toBe(0);
  });
});

describe('what is stronger', () => {
  it('the command line than the recipe, and the recipe than configuration and variables', async () => {
    await client.pogo.file(
      'home/.pogoconf',
      'cookbook: ../books/cookbook.yaml\ntimeout: 7\nconcurrent: 7\nrun_as: nobody\nport: 2200\n',
    );
    const strong = await submitted('-R', 'restart', '--timeout', '5', 'service=x');
    expect(strong.spec).toMatchObject({ timeouts: { commandMs: 5000 }, runAs: 'root', port: 2200 });
    expect(strong.limits).toMatchObject({ concurrent: 1 });
    const without = await submitted('-R', 'text', 'what=x');
    expect(without.spec).toMatchObject({ timeouts: { commandMs: 7000 }, runAs: 'nobody' });
    const opposite = await submitted('-R', 'restart', '--no-run-as', 'service=x');
    expect(opposite.spec).not.toHaveProperty('runAs');
  });

  it('hosts that are given replace those of the recipe, and hosts that it leaves out stay out', async () => {
    const { spec } = await submitted('-R', 'restart', '-h', 'web[7-10]', '-x', 'web10', 'service=x');
    expect(spec.targets).toContain('web[7-8]');
  });

  it('a script or a kind of command that is given replaces those of the recipe', async () => {
    const script = await submitted('-R', 'text', '-f', 'books/up.sh', '--', '--quick');
    expect(script.spec.command).toMatchObject({ kind: 'script', args: ['--quick'] });
    const argv = await submitted('-R', 'text', '--argv', "what='; id");
    expect(argv.spec.command).toEqual({ kind: 'argv', argv: [`echo "now '; id" '; id`] });
    const shell = await submitted('-R', 'word', '--shell', 'what=a b');
    expect(shell.spec.command).toEqual({ kind: 'shell', script: "'a b'" });
    const without = await submitted('-R', 'verbose', '--no-forward-agent');
    expect(without.spec).not.toHaveProperty('forwardAgent');
  });
});

describe('a plan of a recipe', () => {
  it('asks for the same, and passes over what only a run has', async () => {
    await client.dispatcherWith();
    const { code, stdout, stderr } = await ended(['plan', '-R', 'verbose', '--json']);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      spec: { command: { kind: 'argv', argv: ['uptime'] }, forwardAgent: true },
    });
    const dry = await ended(['run', '-n', '-R', 'verbose', '--json']);
    expect(JSON.parse(dry.stdout)).toEqual(JSON.parse(stdout));
  });
});

describe('a run of a recipe is refused', () => {
  it.each<[what: string, args: string[], says: string]>([
    [
      'without a value that it needs',
      ['-R', 'restart'],
      'missing-parameter: recipe restart needs service (string): give it after the options, as service=…',
    ],
    [
      'with a parameter that it has not',
      ['-R', 'restart', 'servce=x'],
      'unknown-parameter: recipe restart has no parameter servce: did you mean service?',
    ],
    ['with a parameter twice', ['-R', 'restart', 'service=x', 'service=y'], 'duplicate-parameter: '],
    [
      'with no whole number',
      ['-R', 'restart', 'service=x', 'tries=1e0'],
      'invalid-parameter: parameter tries of restart: "1e0" is not a whole number from 0 to 5',
    ],
    [
      'with too large a number',
      ['-R', 'restart', 'service=x', 'tries=6'],
      '"6" is not a whole number from 0 to 5',
    ],
    ['with no truth value', ['-R', 'restart', 'service=x', 'force=yes'], '"yes" is neither true nor false'],
    ['with none of its choices', ['-R', 'restart', 'service=x', 'rack=c'], '"c" is none of a, b'],
    [
      'with no hosts',
      ['-R', 'restart', 'service=x', 'where=web[1-'],
      'invalid-parameter: parameter where of restart: "web[1-" is no expression of hosts: ',
    ],
    [
      'with options behind a parameter',
      ['-R', 'restart', 'service=x', '-q'],
      'unexpected-operand: operand "-q": options come before the parameters',
    ],
    [
      'with a command besides its own',
      ['-R', 'restart', 'service=x', 'id'],
      'unexpected-operand: operand "id": recipe restart says already what runs',
    ],
    ['without a command at all', ['-R', 'careful', '-h', 'web1'], 'no-command: '],
    ['that there is not', ['-R', 'restat', 'service=x'], 'has no recipe "restat": did you mean restart?'],
    [
      'without its name',
      ['-C', 'books/cookbook.yaml', '-h', 'web1', 'id'],
      'no-recipe: --cookbook says where recipes are, and none is named: add -R NAME',
    ],
  ])('%s', async (_what, args, says) => {
    const { code, stdout, stderr } = await ended(['run', ...args]);
    expect(stderr).toContain(says);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

it('options of a recipe are told of by the help of run and plan', async () => {
  for (const verb of ['run', 'plan']) {
    const { stdout } = await ended([verb, '--help']);
    expect(stdout).toContain('-R, --recipe <NAME>');
    expect(stdout).toContain('-C, --cookbook <FILE|URL>');
  }
});
