import { describe, expect, it } from 'vitest';
import { foldForPeople, foldTargets, resolveTargets, type Target } from '@pogo/core';

function targetsOf(expression: string) {
  const result = resolveTargets(expression);
  if (!result.ok) throw new Error(result.error.message);
  return result.targets;
}

describe('folding that keeps the order', () => {
  it.each([
    ['web1', 'web1'],
    ['web1.east web2.east web3.east web7.east', 'web[1-3,7].east'],
    ['web1 web2', 'web[1-2]'],
    ['web3 web2 web1', 'web[3,2,1]'],
    ['web2 web1 web3', 'web[2,1,3]'],
    ['web[1-9/2,12]', 'web[1-9/2,12]'],
    ['web[1,3,5]', 'web[1,3,5]'],
    ['web[01-12]', 'web[01-12]'],
    ['web[98-101]', 'web[98-101]'],
    ['web[098-101]', 'web[098-101]'],
    ['web[08-101]', 'web[08-99,100-101]'],
    ['web[01-121/20]', 'web[01-81/20,101,121]'],
    ['web[0-12]', 'web[0-12]'],
    ['web9 web10 web010 web011', 'web[9-10,010-011]'],
    ['web01 web1', 'web[01,1]'],
    ['127.0.1.[1-200]', '127.0.1.[1-200]'],
    ['10.[1-2].[0-3].[1-9]', '10.[1-2].[0-3].[1-9]'],
    ['rack[1-2]n[1-4]', 'rack[1-2]n[1-4]'],
    ['rack1n[1-4] rack2n[1-3]', 'rack1n[1-4],rack2n[1-3]'],
    ['rack1n1 rack2n1 rack1n2 rack2n2', 'rack[1-2]n1,rack[1-2]n2'],
    ['foo[1-101].{east,west}.example.com', 'foo[1-101].{east,west}.example.com'],
    ['foo[1-3].east foo[1-3].west', 'foo[1-3].east,foo[1-3].west'],
    ['mail www db1 db2 web1', 'mail,www,db[1-2],web1'],
    ['web1 web1a', 'web1,web1a'],
    ['{web,db}[1-3]', '{web,db}[1-3]'],
    ['admin@web[1-3]:22022 web4', 'admin@web[1-3]:22022,web4'],
    ['web1:22 web2:23', 'web1:22,web2:23'],
    ['::1 ::2 fe80::9 fe80::10', '::[1-2],fe80::[9-10]'],
    ['[::1]:22 [::2]:22', '[::[1-2]]:22'],
    ['[1::]:22 [2::]:22', '[[1-2]::]:22'],
    ['fe80::1%eth0 fe80::1%eth1', 'fe80::1%eth[0-1]'],
    ['Web1 web2 WEB3', 'Web1,web2,WEB3'],
    ['h1234567890123456 h1234567890123457', 'h1234567890123456,h1234567890123457'],
  ])('writes %j as %s', (expression, expected) => {
    const targets = targetsOf(expression);
    expect(foldTargets(targets)).toBe(expected);
    expect(targetsOf(expected)).toEqual(targets);
  });

  it('writes an empty list as an empty text', () => {
    expect(foldTargets([])).toBe('');
  });

  it('gives long lists back as they were', () => {
    const product = targetsOf('foo[1-50000].{east,west}.example.com');
    expect(foldTargets(product)).toBe('foo[1-50000].{east,west}.example.com');
    const shuffled = product.map((_target, index) => product[(index * 7919) % product.length]!);
    const text = (targets: readonly Target[]) => targets.map(({ host }) => host).join(' ');
    expect(text(targetsOf(foldTargets(shuffled)))).toBe(text(shuffled));
    const million = targetsOf('h[0-999999]');
    expect(million.length).toBe(1_000_000);
    expect(foldTargets(million)).toBe('h[0-999999]');
  });
});

describe('folding for people', () => {
  it.each([
    ['web42 web3 web[1-2] web[4-40]', 'web[1-40,42]'],
    ['web10 web9 web010', 'web[9-10,010]'],
    ['foo[1-3].west foo[1-3].east', 'foo[1-3].{east,west}'],
    ['rack1n1 rack2n1 rack1n2 rack2n2', 'rack[1-2]n[1-2]'],
    ['www mail db2 db1', 'db[1-2],mail,www'],
    ['b a', 'a,b'],
    ['web1', 'web1'],
  ])('shows %j as %s', (expression, expected) => {
    expect(foldForPeople(targetsOf(expression).map(({ host }) => host))).toBe(expected);
  });

  it('shows each host once', () => {
    expect(foldForPeople(['web1', 'WEB1', 'web1', 'web2'])).toBe('web[1-2]');
    expect(foldForPeople([])).toBe('');
  });
});
