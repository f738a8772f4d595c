import { describe, expect, it } from 'vitest';
import {
  excludeTargets,
  expandTargets,
  filesNeeded,
  formatTarget,
  hostKey,
  isHost,
  parseTargets,
  resolveTargets,
  targetLines,
  type GroupSource,
  type TargetSources,
} from '@pogo/core';

const foo = ['foo1.east', 'foo2.east', 'foo1.west'].map((host) => ({ host }));
const bar = [{ host: 'bar1.east', user: 'root', port: 2222 }, { host: 'bar1.west' }];
const groups: GroupSource = {
  app: (name) => ({ frontend: foo, backend: bar, spare: [] })[name],
  environment: (type, value) =>
    type === 'coast' && ['east', 'west'].includes(value)
      ? [...foo, ...bar].filter(({ host }) => host.endsWith(value))
      : undefined,
  knownHosts: () => [...foo, ...bar],
};

function hosts(expression: string, sources: TargetSources = { groups }): string {
  const result = resolveTargets(expression, sources);
  if (!result.ok) throw new Error(`${expression}: ${result.error.message}`);
  return result.targets.map(formatTarget).join(' ');
}

describe('target expressions', () => {
  it.each([
    ['web1', 'web1'],
    ['web1,web2 , web3', 'web1 web2 web3'],
    ['web1 web2\n\tweb3\r\n', 'web1 web2 web3'],
    ['b,a,b,A,c', 'b a c'],
    ['web[1-3]', 'web1 web2 web3'],
    ['web[1-9/2,12]', 'web1 web3 web5 web7 web9 web12'],
    ['web[08-11]', 'web08 web09 web10 web11'],
    ['web[00-02]x', 'web00x web01x web02x'],
    ['web[98-101]', 'web98 web99 web100 web101'],
    ['web[098-101]', 'web098 web099 web100 web101'],
    ['web[01-99/49,100]', 'web01 web50 web99 web100'],
    ['web[ 1 - 3, 8-12 / 2\t,\n20 ]', 'web1 web2 web3 web8 web10 web12 web20'],
    ['web[3,1-2,2]', 'web3 web1 web2'],
    ['web[0-0]', 'web0'],
    ['[1-2]', '1 2'],
    ['web[1-2].{east,west}', 'web1.east web1.west web2.east web2.west'],
    ['rack[1-2]n[1-2]', 'rack1n1 rack1n2 rack2n1 rack2n2'],
    ['{a,b[1-2],{c,d}.x}', 'a b1 b2 c.x d.x'],
    ['web1{,.east}', 'web1 web1.east'],
    ['{a}', 'a'],
    ['127.0.1.[1-3]', '127.0.1.1 127.0.1.2 127.0.1.3'],
    ['h[999999999999998-999999999999999]', 'h999999999999998 h999999999999999'],
  ])('%j names %s', (expression, expected) => {
    expect(hosts(expression)).toBe(expected);
  });

  it.each([
    ['h[1-3]!h2', 'h1 h3'],
    ['h[1-4]&h[3-9]', 'h3 h4'],
    ['h[1-3]^h[3-5]', 'h1 h2 h4 h5'],
    ['h[1-3] ! h2 & h3', 'h3'],
    ['h[1-5]!h[1-2]&h[2-4]^h[4-6]', 'h3 h5 h6'],
    ['h1!h1', ''],
  ])('%j goes from left to right to %s', (expression, expected) => {
    expect(hosts(expression)).toBe(expected);
  });

  it('gives the comma the rank of the other operators, as ClusterShell does, and white space the lowest', () => {
    expect(hosts('a,b,c!b')).toBe('a c');
    expect(hosts('a, b, c !b')).toBe('a c');
    expect(hosts('a b c!b')).toBe('a b c');
    expect(hosts('a b b,c!b')).toBe('a b c');
    expect(hosts('a b,c&c d')).toBe('a c d');
  });

  it.each([
    ['web1:22022', 'web1:22022'],
    ['admin@web1', 'admin@web1'],
    ['admin@web[1-2].{a,b}:22', 'admin@web1.a:22 admin@web1.b:22 admin@web2.a:22 admin@web2.b:22'],
    ['EXAMPLE\\j.doe@web1', 'EXAMPLE\\j.doe@web1'],
    ['::1', '::1'],
    ['[::1]', '::1'],
    ['[::1]:22022', '[::1]:22022'],
    ['admin@[fe80::1%eth0]:22', 'admin@[fe80::1%eth0]:22'],
    ['fe80::1%eth0,::ffff:10.0.0.1', 'fe80::1%eth0 ::ffff:10.0.0.1'],
    ['fe80::[9-11]', 'fe80::9 fe80::10 fe80::11'],
    ['[fe80::[1-2]]:22', '[fe80::1]:22 [fe80::2]:22'],
    ['[1-2]::5', '1::5 2::5'],
    ['[[1-2]::5]:22', '[1::5]:22 [2::5]:22'],
    ['fe80::{a,b}:1%eth[0-1]', 'fe80::a:1%eth0 fe80::a:1%eth1 fe80::b:1%eth0 fe80::b:1%eth1'],
  ])('%j reads account, port and address', (expression, expected) => {
    expect(hosts(expression)).toBe(expected);
  });

  it('takes names without regard to case, and addresses by value, as the same host', () => {
    expect(hosts('Web1,WEB1,web1')).toBe('Web1');
    expect(hosts('::1 0:0:0:0:0:0:0:1 [::0001]')).toBe('::1');
    expect(hosts('FE80::1%eth0 fe80:0::1%eth0 fe80::1%eth1')).toBe('FE80::1%eth0 fe80::1%eth1');
    expect(hostKey('::ffff:10.0.0.1')).toBe(hostKey('::FFFF:A00:1'));
  });

  it('compares hosts alone in set operations, and fills in an account or port that one mention leaves open', () => {
    expect(hosts('admin@h[1-3]:22!h2')).toBe('admin@h1:22 admin@h3:22');
    expect(hosts('h[1-2],admin@h1,h1:22')).toBe('admin@h1:22 h2');
    expect(hosts('h[1-2]&admin@h[2-3]')).toBe('admin@h2');
    expect(hosts('admin@h1!root@h1')).toBe('');
  });
});

describe('groups and wildcards', () => {
  it.each([
    ['@frontend', 'foo1.east foo2.east foo1.west'],
    ['@coast:east', 'foo1.east foo2.east root@bar1.east:2222'],
    ['@*', 'foo1.east foo2.east foo1.west root@bar1.east:2222 bar1.west'],
    ['@{frontend,backend}', 'foo1.east foo2.east foo1.west root@bar1.east:2222 bar1.west'],
    ['@coast:{west,east}!@backend', 'foo1.west foo1.east foo2.east'],
    ['@spare', ''],
    ['foo*', 'foo1.east foo2.east foo1.west'],
    ['*1.?est', 'foo1.west bar1.west'],
    ['F*O[1-2]*', 'foo1.east foo1.west foo2.east'],
    ['{foo2*,new1}', 'foo2.east new1'],
    ['@frontend&*.east', 'foo1.east foo2.east'],
    ['admin@bar*:22', 'admin@bar1.east:22 admin@bar1.west:22'],
    ['admin@*.west', 'admin@foo1.west admin@bar1.west'],
  ])('%j names %s', (expression, expected) => {
    expect(hosts(expression)).toBe(expected);
  });

  it('keeps a wildcard of many stars quick', () => {
    const known = [{ host: `${'a'.repeat(250)}` }];
    const source = { ...groups, knownHosts: () => known };
    const result = resolveTargets(`${'*a'.repeat(120)}*b`, { groups: source });
    expect(result).toMatchObject({ ok: false, error: { code: 'no-match' } });
  });
});

describe('files of hosts', () => {
  const files = new Map([
    ['hosts', '\ufeff# the web\nweb[1-3] # all of them\r\n\r\n  db1!db1 admin@web9\n'],
    ['/tmp/my hosts', 'x1\n'],
    ['-', 'in1 in2\n'],
    ['empty', '# nobody\n'],
  ]);
  const sources: TargetSources = {
    readLines: (path) => {
      const content = files.get(path);
      return content === undefined ? undefined : targetLines(content);
    },
  };

  it('lists the files that an expression needs, each once', () => {
    const parsed = parseTargets('a,@file:hosts!@file:"/tmp/my hosts" - @file:hosts');
    if (!parsed.ok) throw new Error(parsed.error.message);
    expect(filesNeeded(parsed.expression)).toEqual(['hosts', '/tmp/my hosts', '-']);
    expect(expandTargets(parsed.expression, sources)).toMatchObject({ ok: true });
  });

  it.each([
    ['@file:hosts', 'web1 web2 web3 admin@web9'],
    ['@file:hosts!web2', 'web1 web3 admin@web9'],
    ['-,@file:"/tmp/my hosts"', 'in1 in2 x1'],
    ['@file:-', 'in1 in2'],
    ['@file:empty a', 'a'],
    ['@file:hosts&@file:hosts', 'web1 web2 web3 admin@web9'],
  ])('%j reads one expression a line', (expression, expected) => {
    expect(hosts(expression, sources)).toBe(expected);
  });

  it('reads every line as a term of its own', () => {
    const lines = { readLines: () => ['a', 'b', 'c!a', 'd!d'] };
    expect(hosts('-', lines)).toBe('a b c');
  });
});

describe('limits', () => {
  const limited = (expression: string, limit: number) => resolveTargets(expression, { groups }, { limit });

  it('allows exactly the limit', () => {
    expect(limited('h[1-10]', 10)).toMatchObject({ ok: true });
    expect(limited('h[1-5] h[1-10] h[6-10]', 10)).toMatchObject({ ok: true });
    expect(limited('h[1-11]', 10)).toMatchObject({ ok: false, error: { code: 'too-many-hosts', offset: 0 } });
    expect(limited('h[1-6],g[1-5]', 10)).toMatchObject({
      ok: false,
      error: { code: 'too-many-hosts', offset: 7 },
    });
    expect(limited('h[1-6]^g[1-5]', 10)).toMatchObject({ ok: false, error: { code: 'too-many-hosts' } });
    expect(limited('@*', 4)).toMatchObject({ ok: false, error: { code: 'too-many-hosts' } });
    expect(limited('*', 4)).toMatchObject({ ok: false, error: { code: 'too-many-hosts' } });
  });

  it.each([
    'h[1-99999999]',
    'h[1-9999][1-9999][1-9999]',
    `h${'[0-999999999999999]'.repeat(1000)}`,
    `h${'{a,b}'.repeat(5000)}`,
    '@g[1-99999999]',
    '@{a,b}[1-9999]:v[1-9999]',
    'x,h[1-99999999]!h[1-99999999]',
    'h[1-99999999]*',
  ])('refuses %.60s without expanding it', (expression) => {
    expect(resolveTargets(expression, { groups })).toMatchObject({
      ok: false,
      error: { code: 'too-many-hosts' },
    });
  });

  it('bounds the work of operands that repeat or cancel each other', () => {
    expect(limited('h[1-9000],'.repeat(100_000) + 'x', 10_000)).toMatchObject({
      ok: false,
      error: { code: 'too-many-hosts', offset: 40 },
    });
    const lines = new Array<string>(100).fill('h[1-9000]!h[1-9000]');
    expect(resolveTargets('-', { readLines: () => lines }, { limit: 10_000 })).toMatchObject({
      ok: false,
      error: { code: 'too-many-hosts', within: { line: 3 } },
    });
  });

  it('bounds the comparisons of wildcards with known hosts', () => {
    const known = Array.from({ length: 20_000 }, (_value, index) => ({ host: `h${index}` }));
    const source = { ...groups, knownHosts: () => known };
    const result = resolveTargets('h1{0,1,2,3,4,5}[0-999]*!x', { groups: source });
    expect(result).toMatchObject({ ok: false, error: { code: 'too-much-work' } });
  });

  it('bounds nesting, length, and the pieces of an expression', () => {
    const codeOf = (expression: string) => {
      const parsed = parseTargets(expression);
      return parsed.ok ? 'ok' : parsed.error.code;
    };
    expect(codeOf('{'.repeat(16) + 'a' + '}'.repeat(16))).toBe('ok');
    expect(codeOf('{'.repeat(1_000_000))).toBe('nested-too-deep');
    expect(codeOf(' '.repeat(32 * 1024 * 1024 - 1) + 'a')).toBe('ok');
    expect(codeOf(' '.repeat(32 * 1024 * 1024) + 'a')).toBe('expression-too-long');
    expect(codeOf(`{${'a,'.repeat(2_000_000)}a}`)).toBe('expression-too-long');
    expect(codeOf('a.'.repeat(1_000_000))).toBe('invalid-host');
    expect(codeOf('a'.repeat(253))).toBe('ok');
    expect(codeOf('a'.repeat(254))).toBe('invalid-host');
  });
});

describe('hosts', () => {
  it('tells what may stand for a host', () => {
    for (const host of [
      'a',
      '_x',
      '1',
      'a-b.c_d',
      '10.0.0.1',
      '::',
      '1::',
      '1:2:3:4:5:6:7:8',
      '::1%eth0.1',
    ]) {
      expect(isHost(host), host).toBe(true);
    }
    const bad = [
      '',
      '-a',
      '.a',
      'a.',
      'a..b',
      'a b',
      'a/b',
      'a%b',
      'é',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      'g::1',
    ];
    const badToo = [
      '::1%',
      '::1%-x',
      '12345::',
      '::256.1.1.1',
      '1:2:3:4:5:6:7:8:9',
      '1::2:3:4:5:6:7:8',
      '::1.2.3',
    ];
    for (const host of [...bad, ...badToo]) expect(isHost(host), host).toBe(false);
  });

  it('takes hosts away from a list without regard to account, port and spelling', () => {
    const list = [{ host: 'a', port: 1 }, { host: 'b' }, { host: '::1' }];
    expect(excludeTargets(list, [{ host: 'A', user: 'x' }, { host: '0::1' }])).toEqual([{ host: 'b' }]);
  });
});
