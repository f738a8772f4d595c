/**
 * Values of parameters in texts. The law of shell strings is tried on a real /bin/sh: whatever the value, the shell reads
 * the text around it in the same way, and the value as it is.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expandTargets, parseTargets } from '@pogo/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseShellTemplate, renderShell } from '../src/recipes/shell-text.js';
import { misplacedHosts, renderTargets } from '../src/recipes/target-text.js';
import { parseTemplate, referencesOf, renderText, type Template } from '../src/recipes/template.js';

/** What /bin/sh may be on a host, as far as this machine has it. */
const shells: readonly (readonly string[])[] = [
  ['/bin/sh'],
  ['/bin/bash', '--posix'],
  ['/bin/busybox', 'sh'],
  ['/bin/mksh'],
].filter(([program]) => existsSync(program!));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pogo-recipe-texts-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function templateOf(text: string): Template {
  const parsed = parseTemplate(text);
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.template;
}

/** The text with every reference replaced; undefined: it is refused. */
function shellText(text: string, value: string): string | undefined {
  const parsed = parseShellTemplate(templateOf(text));
  return parsed.ok ? renderShell(parsed, () => value) : undefined;
}

/** Runs a text in a directory of its own; unless told, no program is found. */
function run([program, ...args]: readonly string[], text: string, path = '/nonexistent') {
  return spawnSync(program!, [...args, '-c', text], {
    cwd: directory,
    env: { PATH: path },
    // Bash would read its start-up files if it were given a socket.
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 20_000,
  }).stdout.toString('utf8');
}

/** A value that is one of ours, or anything that a parameter can have. */
const hostileValues = [
  "'",
  "''",
  '"',
  '\\',
  "\\'",
  '$(echo > canary)',
  '`echo > canary`',
  ';echo > canary;',
  '\necho > canary\n',
  "'\necho > canary\n'",
  "';echo > canary;'",
  '";echo > canary;"',
  "\\';echo > canary;\\'",
  ')\necho > canary\n(',
  '}\necho > canary\n{',
  '#\necho > canary\n',
  'E\necho > canary\n',
  '$IFS',
  '~',
  '*',
  '',
  ' a  b ',
  '-n',
  '%s',
  'é☃𝄞',
];
const values = fc.oneof(
  fc.constantFrom(...hostileValues),
  fc
    .string({ unit: 'binary' })
    .filter((value) => !/[\0\ud800-\udfff]/.test(value.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ''))),
  fc.array(fc.constantFrom(...hostileValues), { maxLength: 4 }).map((parts) => parts.join('')),
);

describe('in a shell string', () => {
  it('a value is the same text whatever quotes stand around it', () => {
    const frames: [text: string, around: (value: string) => string[]][] = [
      ['{{v}}', (v) => [v]],
      ['a{{v}}b', (v) => [`a${v}b`]],
      ['"{{v}}"', (v) => [v]],
      ['"a {{v}} b"', (v) => [`a ${v} b`]],
      ["'a {{v}} b'", (v) => [`a ${v} b`]],
      ['{{v}}{{v}}', (v) => [v + v]],
      [`"$one"'{{v}}'"{{v}}"{{v}}`, (v) => [`1${v}${v}${v}`]],
      ['x; printf "%s\\0" {{v}} # no more', (v) => ['x', v]],
      ['"$(printf %s {{v}})"', () => []],
      ['"${one}" \\"{{v}}\\" {{v}}', (v) => ['1', `"${v}"`, v]],
      ['\\\n{{v}}', (v) => [v]],
      ['x\n# comment\nprintf "%s\\0" {{v}}', (v) => ['x', v]],
    ];
    for (const shell of shells) {
      fc.assert(
        fc.property(fc.constantFrom(...frames), values, ([frame, words], value) => {
          const text = shellText(`one=1; printf '%s\\0' ${frame}`, value);
          expect(text === undefined).toBe(words('').length === 0);
          if (text === undefined) return;
          const read = run(shell, text, '/usr/bin:/bin').split('\0').slice(0, -1);
          expect(read, text).toEqual(words(value));
        }),
        { numRuns: 100 },
      );
    }
  }, 120_000);

  it('no text that is taken lets a value out of its quotes', async () => {
    const fragments = [
      ...'\'"\\`$(){}[]#<;&|=!~*? \n\ta1_-'.split(''),
      ...[
        '{{v}}',
        '{{v}}',
        '{{v}}',
        '$(',
        '$((',
        '((',
        '${',
        '${a}',
        '${a:-',
        "$'",
        '$"',
        '<<',
        '<<E\n',
        '\nE\n',
        '[[',
        '# ',
        '\\\n',
        '"{{v}}"',
        "'{{v}}'",
        "$'{{v}}'",
        '$"{{v}}"',
        'case a in ',
        'a) ',
        ';;',
        'esac',
        'a[',
        'a=',
        '"a"',
        "'a'",
        'echo ',
      ],
    ];
    let taken = 0;
    const text = fc
      .array(fc.constantFrom(...fragments), { minLength: 1, maxLength: 14 })
      .map((parts) => parts.join(''));
    const usable = text.filter((one) => parseTemplate(one).ok && one.includes('{{v}}'));
    for (const shell of shells) {
      fc.assert(
        fc.property(
          usable,
          fc.constantFrom(...hostileValues.filter((value) => value.includes('canary'))),
          (one, value) => {
            const rendered = shellText(one, value);
            if (rendered === undefined) return;
            taken += 1;
            run(shell, rendered);
          },
        ),
        { numRuns: 500 },
      );
      expect(await readdir(directory), shell.join(' ')).toEqual([]);
    }
    expect(taken).toBeGreaterThan(200);
  }, 240_000);

  it.each([
    'cat <<E\n{{v}}\nE',
    'echo `echo {{v}}`',
    'echo "$(echo "{{v}}")"',
    'echo $((1 + {{v}}))',
    'echo ${x:-{{v}}}',
    "echo $'{{v}}'",
    'echo ${{v}}',
    'echo \\{{v}}',
    'echo "\\{{v}}"',
    'true # {{v}}',
    "true # it's\necho {{v}}",
    '[[ {{v}} -gt 1 ]]',
    'a[{{v}}]=1',
  ])('a reference is refused where its quotes are not certain: %s', (text) => {
    expect(shellText(text, 'x')).toBeUndefined();
  });

  it.each([
    ['echo $(systemctl is-active {{v}})', "echo $(systemctl is-active 'x')"],
    ['v={{v}}; echo "$(cat "$v")"', 'v=\'x\'; echo "$(cat "$v")"'],
    ['for i in 1 2; do echo "${i}" {{v}} $?; done', 'for i in 1 2; do echo "${i}" \'x\' $?; done'],
    ['(cd {{v}} && ls) > /dev/null 2>&1', "(cd 'x' && ls) > /dev/null 2>&1"],
    ["awk '{ print $1 }' {{v}}", "awk '{ print $1 }' 'x'"],
    ['if [ -e {{v}} ]; then echo a#b; fi', "if [ -e 'x' ]; then echo a#b; fi"],
  ])('a reference is taken in what people write: %s', (text, expected) => {
    expect(shellText(text, 'x')).toBe(expected);
  });
});

describe('a template', () => {
  it('keeps every text without two braces, and doubles stand for two', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, value) => {
        const escaped = text.replaceAll('{{', '{{{{');
        expect(renderText(templateOf(escaped.replace(/\{$/, '')), () => value)).toBe(text.replace(/\{$/, ''));
      }),
    );
    expect(renderText(templateOf('{{{{.Names}} {{ v }}'), () => '{{v}}')).toBe('{{.Names}} {{v}}');
    expect(referencesOf(templateOf('a {{x}} {{y-1}}')).map(({ name, offset }) => [name, offset])).toEqual([
      ['x', 2],
      ['y-1', 8],
    ]);
    for (const text of ['{{', '{{}}', '{{1}}', '{{a b}}', '{{a', '{{{a}}}'])
      expect(parseTemplate(text).ok).toBe(false);
  });
});

describe('in a target expression', () => {
  const hosts = (value: string) => () => ({ isHosts: true, value });
  const expanded = (text: string): string[] => {
    const parsed = parseTargets(text);
    if (!parsed.ok) throw new Error(parsed.error.message);
    const result = expandTargets(parsed.expression);
    if (!result.ok) throw new Error(result.error.message);
    return result.targets.map(({ host }) => host);
  };
  const operand = fc.constantFrom('a', 'b', 'h[1-4]', 'h2', '{a,h3}', 'h[2,4]', 'c');
  const term = fc
    .tuple(
      operand,
      fc.array(fc.tuple(fc.constantFrom(',', '!', '&', '^', ' , ', ' !'), operand), { maxLength: 3 }),
    )
    .map(([first, rest]) => [first, ...rest.map((part) => part.join(''))].join(''));
  const expression = fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => terms.join(' '));

  it('hosts are one operand, whatever stands beside them', () => {
    const operate: Record<string, (one: Set<string>, other: Set<string>) => Set<string>> = {
      ',': (one, other) => new Set([...one, ...other]),
      '!': (one, other) => new Set([...one].filter((host) => !other.has(host))),
      '&': (one, other) => new Set([...one].filter((host) => other.has(host))),
      '^': (one, other) => new Set([...one, ...other].filter((host) => one.has(host) !== other.has(host))),
    };
    let combined = 0;
    fc.assert(
      fc.property(
        expression,
        fc.constantFrom(',', '!', '&', '^'),
        operand,
        fc.boolean(),
        (value, sign, other, first) => {
          const text = first ? `{{v}}${sign}${other}` : `${other} ${sign} {{v}}`;
          const rendered = renderTargets(templateOf(text), hosts(value));
          if (!rendered.ok) return;
          combined += 1;
          const [one, two] = [new Set(expanded(value)), new Set(expanded(other))];
          const expected = first ? operate[sign]!(one, two) : operate[sign]!(two, one);
          expect(new Set(expanded(rendered.expression)), rendered.expression).toEqual(expected);
        },
      ),
      { numRuns: 1000 },
    );
    expect(combined).toBeGreaterThan(300);
  });

  it('hosts alone are any expression', () => {
    fc.assert(
      fc.property(expression, (value) => {
        const rendered = renderTargets(templateOf('x {{v}} y'), hosts(value));
        if (!rendered.ok) throw new Error(rendered.message);
        expect(new Set(expanded(rendered.expression))).toEqual(new Set(['x', ...expanded(value), 'y']));
      }),
    );
  });

  it('commas can always be combined', () => {
    for (const text of ['{{v}}&h[1-9]', 'h[1-9]&{{v}}', 'h[1-9] !{{v}}', 'x,{{v}}&h[1-4]'])
      expect(renderTargets(templateOf(text), hosts('h[1-3],h7')).ok, text).toBe(true);
    expect(renderTargets(templateOf('@coast:east&{{v}}'), hosts('a!b'))).toMatchObject({ ok: false });
  });

  it('a reference to hosts is no part of a name', () => {
    for (const text of [
      'web{{v}}',
      '{{v}}.east',
      'u@{{v}}',
      '{{v}}:22',
      '{{v}}{{v}}',
      'web[{{v}}]',
      '{a,{{v}}x}',
    ])
      expect(misplacedHosts(templateOf(text), () => true)?.name, text).toBe('v');
    for (const text of ['{{v}}', ' {{v}} ', 'a {{v}}', '{{v}},{{v}}', '{{v}} & a', 'a!{{v}}'])
      expect(
        misplacedHosts(templateOf(text), () => true),
        text,
      ).toBeUndefined();
  });

  it('any other value is a part of a name, and begins nothing new', () => {
    const render = (text: string, value: string) =>
      renderTargets(templateOf(text), () => ({ isHosts: false, value }));
    expect(render('web[1-{{v}}].east', '40')).toEqual({ ok: true, expression: 'web[1-40].east' });
    expect(render('@coast:{{v}}', 'east')).toEqual({ ok: true, expression: '@coast:east' });
    fc.assert(
      fc.property(fc.string(), (value) => {
        const rendered = render('web-{{v}}.east', value);
        if (rendered.ok) expect(expanded(rendered.expression)).toEqual([`web-${value}.east`]);
      }),
    );
    for (const value of ['a,b', 'a b', '*', '-', '@x', 'a:22', 'a[1-3]', '{a,b}', '', 'a!b'])
      expect(render('{{v}}', value).ok, value).toBe(false);
    expect(renderTargets(templateOf('@{{v}}:{{v}}'), () => ({ isHosts: false, value: 'file' })).ok).toBe(
      false,
    );
  });
});
