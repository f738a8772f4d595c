import { describe, expect, it } from 'vitest';
import {
  explainTargetError,
  resolveTargets,
  targetLines,
  type GroupSource,
  type TargetErrorCode,
} from '@pogo/core';

const groups: GroupSource = {
  app: (name) => (name === 'frontend' ? [{ host: 'foo1' }] : undefined),
  environment: () => undefined,
  knownHosts: () => [{ host: 'foo1' }],
};
const files = new Map([
  ['bad', 'web1\n\n  web[3-1]  # backwards\n'],
  ['nested', '@file:other\n'],
  ['stdin', 'a,-\n'],
  ['twice', 'root@a\nadmin@a\n'],
]);

function errorOf(expression: string) {
  const result = resolveTargets(expression, {
    groups,
    readLines: (path) => (files.has(path) ? targetLines(files.get(path)!) : undefined),
  });
  if (result.ok) throw new Error(`${expression} is taken`);
  return result.error;
}

/** Expression, code, offset, length, text that occurs in the message. */
const table: [string, TargetErrorCode, number, number, string][] = [
  ['', 'empty-expression', 0, 0, 'expected a host'],
  [' \t\n', 'empty-expression', 3, 0, 'found the end'],
  ['a,', 'missing-operand', 2, 0, 'found the end, expected a host'],
  ['a,,b', 'missing-operand', 2, 1, 'found ","'],
  ['!a', 'missing-operand', 0, 1, 'found "!"'],
  ['a!&b', 'missing-operand', 2, 1, 'found "&"'],
  ['^hosts', 'missing-operand', 0, 1, '@file:PATH'],
  ['a & ', 'missing-operand', 4, 0, 'the end'],
  ['web[1-3', 'unclosed-bracket', 7, 0, '"]" for the "[" at position 4'],
  ['web[1-', 'unclosed-bracket', 6, 0, 'a number'],
  ['web[', 'unclosed-bracket', 4, 0, 'a number'],
  ['web[]', 'range-syntax', 4, 1, 'expected a number'],
  ['web[1,]', 'range-syntax', 6, 1, 'expected a number'],
  ['web[a-c]', 'range-syntax', 4, 1, 'found "a", expected a number'],
  ['web[1 3]', 'range-syntax', 6, 1, 'found "3", expected "," or "]"'],
  ['web[ 1 - 9 / 0 ]', 'range-step', 13, 1, 'a step of at least 1'],
  ['web[ ', 'unclosed-bracket', 5, 0, 'a number'],
  ['web[1 ', 'unclosed-bracket', 6, 0, '"]" for the "[" at position 4'],
  ['web[1:3]', 'range-syntax', 5, 1, 'found ":"'],
  ['web[1-3/]', 'range-syntax', 8, 1, 'expected a number'],
  ['web[5/2]', 'range-syntax', 5, 1, 'found "/"'],
  ['web[-1]', 'range-syntax', 4, 1, 'found "-"'],
  ['web[1-2-3]', 'range-syntax', 7, 1, 'found "-"'],
  ['web[7,3-1]', 'range-backwards', 6, 3, 'counts upwards'],
  ['web[1-9/0]', 'range-step', 8, 1, 'a step of at least 1'],
  ['web[01-9]', 'range-padding', 4, 4, 'at least 2 digits'],
  ['web[1-09]', 'range-padding', 4, 4, 'without leading zeros'],
  ['web[01-010]', 'range-padding', 4, 6, 'digits'],
  ['web[1-1000000000000000]', 'number-too-long', 6, 16, 'at most 15 digits'],
  ['web{a', 'unclosed-brace', 5, 0, '"," or "}" for the "{" at position 4'],
  ['web{a b}', 'unexpected-character', 5, 1, 'found " "'],
  ['web{a:1}', 'unexpected-character', 5, 1, 'found ":"'],
  ['web{a!b}', 'unexpected-character', 5, 1, 'found "!"'],
  [`${'{'.repeat(17)}a`, 'nested-too-deep', 16, 1, 'at most 16 deep'],
  ['web]', 'unexpected-character', 3, 1, 'nothing is open'],
  ['}', 'unexpected-character', 0, 1, 'nothing is open'],
  ['a(b)', 'unexpected-character', 1, 1, 'no parentheses'],
  ['(a)', 'unexpected-character', 0, 1, 'no parentheses'],
  ['a # b', 'unexpected-character', 2, 1, 'comments are for files'],
  ['etc/hosts', 'unexpected-character', 3, 1, '@file:PATH'],
  ['web1%eth0', 'unexpected-character', 4, 1, 'only an IPv6 address'],
  ['b\u00fccher.example', 'unexpected-character', 1, 1, 'xn--'],
  ['a\u{1f600}', 'unexpected-character', 1, 1, '<U+1F600>'],
  ['a\u0007', 'unexpected-character', 1, 1, '<U+0007>'],
  ['a;reboot', 'unexpected-character', 1, 1, 'found ";"'],
  ['$(reboot)', 'unexpected-character', 0, 1, 'found "$"'],
  ['-oProxyCommand', 'invalid-host', 0, 14, 'never begins with "-"'],
  ['root@-x', 'invalid-host', 5, 2, 'never begins with "-"'],
  ['{a,-b}', 'invalid-host', 0, 6, 'found "-b"'],
  ['web[1-2].', 'invalid-host', 0, 9, 'found "web1."'],
  ['web1..east', 'invalid-host', 0, 10, 'no empty label'],
  ['x,.a', 'invalid-host', 2, 2, 'no empty label'],
  ['{1..3}', 'invalid-host', 0, 6, 'found "1..3"'],
  ['::1:22022', 'invalid-host', 0, 9, '[ADDRESS]:PORT'],
  ['web1:22:23', 'invalid-host', 0, 10, 'at most one colon'],
  ['[::1::2]', 'invalid-host', 0, 8, 'an IPv6 address'],
  ['fe80::[9999-10000]', 'invalid-host', 0, 18, 'found "fe80::10000"'],
  ['[::1', 'unclosed-bracket', 4, 0, '"]" for the "[" at position 1'],
  ['[::1]22', 'unexpected-character', 5, 1, '":" and a port'],
  ['[fe80::1 x]', 'unexpected-character', 8, 1, 'an IPv6 address'],
  ['web1:', 'invalid-port', 5, 0, '1 to 65535'],
  ['web1:ssh', 'invalid-port', 5, 1, 'found "s"'],
  ['web1:0', 'invalid-port', 5, 1, '1 to 65535'],
  ['web1:65536', 'invalid-port', 5, 5, 'found "65536"'],
  ['web1:22[1-3]', 'unexpected-character', 7, 1, 'nothing more after the port'],
  ['-l@web1', 'invalid-user', 0, 2, 'not beginning with "-"'],
  ['a;b@web1', 'invalid-user', 0, 3, 'an account name'],
  ['a@b@c', 'unexpected-character', 3, 1, 'one account'],
  ['root@', 'missing-operand', 5, 0, 'a host'],
  ['root@:22', 'unexpected-character', 5, 1, 'a host'],
  ['@', 'missing-operand', 1, 0, 'the name of an app'],
  ['@front*', 'unexpected-character', 6, 1, 'found "*"'],
  ['@coast:', 'missing-operand', 7, 0, 'the value of the environment'],
  ['@coast:*', 'unexpected-character', 7, 1, 'the value of the environment'],
  ['@coast:east:22', 'unexpected-character', 11, 1, 'neither account nor port'],
  ['@*x', 'unexpected-character', 2, 1, 'the end of "@*"'],
  ['foo1,@nope', 'unknown-group', 5, 5, 'unknown group "@nope"'],
  ['@{frontend,backend}', 'unknown-group', 0, 19, 'unknown group "@backend"'],
  ['@coast:north', 'unknown-group', 0, 12, 'unknown group "@coast:north"'],
  ['foo1!@nope', 'unknown-group', 5, 5, 'unknown group'],
  ['foo1&bar*', 'no-match', 5, 4, '"bar*" matches none of 1 known hosts'],
  ['{foo,bar}*', 'no-match', 0, 10, '"bar*"'],
  ['@file:', 'missing-path', 6, 0, 'the path of a file'],
  ['@file:""', 'missing-path', 6, 1, 'the path of a file'],
  ['@file:"a', 'unclosed-quote', 8, 0, 'position 7'],
  ['@file:a"b"', 'unexpected-character', 7, 1, 'double quotes'],
  ['@file:gone', 'file-not-read', 0, 10, '"gone" can\'t be read'],
  ['a -', 'file-not-read', 2, 1, 'standard input'],
  ['a,@file:nested', 'nested-file', 2, 12, 'names no other file'],
  ['@file:stdin', 'nested-file', 0, 11, 'names no other file'],
  ['@file:bad', 'range-backwards', 0, 9, 'counts upwards'],
  ['@file:twice', 'conflicting-target', 0, 11, '"root@a" and as "admin@a"'],
  ['root@a,admin@A', 'conflicting-target', 7, 7, '"root@a" and as "admin@A"'],
  ['a:22 b a:23', 'conflicting-target', 7, 4, 'name one account and port'],
  ['root@a&admin@a', 'conflicting-target', 7, 7, 'a job reaches a host once'],
  ['a,h[1-99999999]', 'too-many-hosts', 2, 13, '99,999,999 hosts, and at most 1,000,000 are allowed'],
];

describe('errors of target expressions', () => {
  it.each(table)('%j is %s at %i', (expression, code, offset, length, text) => {
    const error = errorOf(expression);
    expect(error).toMatchObject({ code, offset, length });
    expect(error.message).toContain(text);
    expect(error.found).not.toBe('');
    expect(error.expected).not.toBe('');
  });

  it('says that groups and wildcards need a namespace where none is known', () => {
    for (const [expression, code] of [
      ['@frontend', 'unknown-group'],
      ['@coast:east', 'unknown-group'],
      ['@*', 'unknown-group'],
      ['web*', 'no-match'],
    ]) {
      const result = resolveTargets(expression!);
      expect(result).toMatchObject({ ok: false, error: { code } });
      expect(!result.ok && result.error.message).toContain('known here');
    }
  });

  it('points into the line of the file', () => {
    expect(errorOf('a,@file:bad').within).toEqual({
      path: 'bad',
      line: 3,
      text: '  web[3-1]  # backwards',
      offset: 6,
      length: 3,
    });
    expect(errorOf('@file:twice').within).toMatchObject({ line: 2, offset: 0, length: 7 });
  });

  it('draws a caret under the fault', () => {
    expect(explainTargetError('web[7,3-1].east', errorOf('web[7,3-1].east'))).toBe(
      [
        '  web[7,3-1].east',
        '        ^^^',
        'found "3-1", expected a range that counts upwards (range-backwards)',
      ].join('\n'),
    );
    expect(explainTargetError('web[1-', errorOf('web[1-'))).toBe(
      [
        '  web[1-',
        '        ^',
        'found the end, expected a number, and "]" for the "[" at position 4 (unclosed-bracket)',
      ].join('\n'),
    );
    expect(explainTargetError('a,@file:bad', errorOf('a,@file:bad'))).toBe(
      [
        '  a,@file:bad',
        '    ^^^^^^^^^',
        'bad:3:',
        '    web[3-1]  # backwards',
        '        ^^^',
        'found "3-1", expected a range that counts upwards (range-backwards)',
      ].join('\n'),
    );
  });

  it('shows a window of a long expression, and nothing that a terminal would obey', () => {
    const expression = `${'host1,'.repeat(1000)}a\u001b[31mb,${'host2,'.repeat(1000)}c`;
    const [shown, caret, message] = explainTargetError(expression, errorOf(expression)).split('\n');
    expect(shown!.length).toBeLessThan(100);
    expect(shown![caret!.indexOf('^')]).toBe('?');
    expect(shown!.slice(caret!.indexOf('^') - 6)).toMatch(/^ost1,a\?\[31mb,host2/);
    expect(message).toContain('<U+001B>');
    expect(`${shown}${caret}${message}`).not.toMatch(/[\0-\x1f]/);
  });
});
