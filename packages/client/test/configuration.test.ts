import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfiguration } from '../src/configuration/configuration.js';
import { parseConfigurationFile } from '../src/configuration/configuration-file.js';
import { configurationLocations } from '../src/configuration/locations.js';
import { settings } from '../src/configuration/settings.js';
import { testEnvironment } from './support/environment.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-configuration-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(name: string, content: string) {
  const path = join(directory, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function load(variables: Record<string, string> = {}, configOption?: string) {
  const loaded = await loadConfiguration(
    testEnvironment({ homeDirectory: directory, variables }),
    configOption,
  );
  if (!loaded.ok) throw new Error(loaded.failure.message);
  return loaded.value;
}

describe('settings', () => {
  it('come from the option, then the variable, then --config or ~/.pogoconf, then the XDG file', async () => {
    await file('.config/pogo/config.yaml', 'user: xdg\nport: 1\nconcurrent: 5\nauth: publickey\n');
    await file('.pogoconf', 'user: home\nport: 2\nconcurrent: 6\n');
    const variables = { POGO_USER: 'variable', POGO_PORT: '3' };
    const configuration = await load(variables);
    expect(configuration.get('user', 'option')).toBe('option');
    expect(configuration.get('user')).toBe('variable');
    expect(configuration.get('port')).toBe(3);
    expect(configuration.get('concurrent')).toBe('6');
    expect(configuration.get('auth')).toEqual(['publickey']);
    expect(configuration.get('timeout')).toBeUndefined();
    const named = await file('named.yaml', 'concurrent: 25%\n');
    expect((await load({}, named)).get('concurrent')).toBe('25%');
    expect((await load({}, named)).get('user')).toBe('xdg');
    expect((await load({ POGO_CONFIG: named })).get('concurrent')).toBe('25%');
  });

  it('come from below POGO_HOME when that is set', () => {
    const environment = testEnvironment({ homeDirectory: '/home/me', variables: { POGO_HOME: '/srv/pogo' } });
    expect(configurationLocations(environment, undefined).map(({ path }) => path)).toEqual([
      '/srv/pogo/.pogoconf',
      '/srv/pogo/config.yaml',
      '/etc/pogo/client.yaml',
    ]);
  });

  it('have their time in seconds, lists as lists, and paths relative to the file or the home', async () => {
    await file(
      '.pogoconf',
      'timeout: 1.5\njob_timeout: 2h\nauth: [publickey, password]\nidentities: [~/.ssh/id, keys/two, /abs]\n',
    );
    const configuration = await load();
    expect(configuration.get('timeout')).toBe(1500);
    expect(configuration.get('job_timeout')).toBe(7_200_000);
    expect(configuration.get('auth')).toEqual(['publickey', 'password']);
    expect(configuration.get('identities')).toEqual([
      join(directory, '.ssh/id'),
      join(directory, 'keys/two'),
      '/abs',
    ]);
    expect(
      (await load({ POGO_AUTH: 'password, publickey', POGO_IDENTITIES: '/a:/b' })).get('identities'),
    ).toEqual(['/a', '/b']);
  });

  it('that can not be read are an error, those that do not exist are none', async () => {
    const path = await file('.pogoconf', '');
    await chmod(path, 0);
    const unreadable = await loadConfiguration(testEnvironment({ homeDirectory: directory, variables: {} }));
    // Root reads everything.
    expect(unreadable.ok).toBe(process.getuid?.() === 0);
    await rm(path);
    expect((await load()).get('user')).toBeUndefined();
  });
});

describe('a configuration file', () => {
  const parse = (text: string) => {
    const parsed = parseConfigurationFile('/etc/x.yaml', text, '/home/me');
    return parsed.ok ? Object.fromEntries(parsed.value) : parsed.failure.message;
  };

  it('may be empty', () => {
    expect(parse('')).toEqual({});
    expect(parse('# nothing\n')).toEqual({});
    expect(parse('---\n')).toEqual({});
  });

  it('knows every setting by its name', () => {
    for (const name of Object.keys(settings)) {
      expect(parse(`${name}: [[]]\n`)).toMatch(
        new RegExp(`^/etc/x.yaml:1:${name.length + 3}|^/etc/x.yaml:1:${name.length + 4}`),
      );
    }
  });

  it.each([
    ['prot: 22', '/etc/x.yaml:1:1: unknown key "prot": did you mean port?'],
    ['\n\n  ramp: 3', '/etc/x.yaml:3:3: unknown key "ramp": known are user, port'],
    ['port: [22]', '/etc/x.yaml:1:7: port: expected one value'],
    ['port:', '/etc/x.yaml:1:'],
    ['port: true', '/etc/x.yaml:1:7: port: expected one value'],
    ['auth: [publickey, {}]', '/etc/x.yaml:1:19: auth: expected a list of single values'],
    ['color: sometimes', '/etc/x.yaml:1:8: color: "sometimes" is none of auto, always, never'],
    ['- user', '/etc/x.yaml:1:1: expected keys and values'],
    ['user: a\nuser: b', '/etc/x.yaml:2:1: not valid YAML'],
    ['constructor: x', '/etc/x.yaml:1:1: unknown key "constructor"'],
    ['port: 1e1', '/etc/x.yaml:1:7: port: "1e1" is not a whole number'],
  ])('with %j names the place', (text, message) => {
    expect(parse(text)).toContain(message);
  });

  it('reads truth values where one belongs', () => {
    expect(parse('forward_agent: true\n')).toEqual({ forward_agent: true });
    expect(parse('forward_agent: "false"\n')).toEqual({ forward_agent: false });
  });

  it('keeps what was written: an account of digits stays as it is', () => {
    expect(parse('user: 007\n')).toEqual({ user: '007' });
  });
});
