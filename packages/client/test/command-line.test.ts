import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { command } from '../src/command-line/command.js';
import { completionScript } from '../src/command-line/completion-script.js';
import { flag, integer, many, one, text } from '../src/command-line/option.js';
import { parseCommandLine } from '../src/command-line/parse-command-line.js';
import { similarTo } from '../src/command-line/similar.js';
import { success } from '../src/failure.js';
import { commandOf, commandText } from '../src/run/command-operands.js';
import { verbGroups, verbs } from '../src/verbs.js';

const sample = command({
  name: 'sample',
  summary: 'A sample.',
  operands: 'CMD…',
  passThrough: true,
  examples: ['pogo sample x'],
  options: {
    hosts: many('-h, --host, --target, -w', 'hosts', { argument: 'EXPR', parse: text }),
    port: one('-p, --port', 'port', { argument: 'N', parse: integer({ min: 1, max: 9 }) }),
    quiet: flag('-q, --quiet', 'quiet'),
    noProgress: flag('--no-progress', 'none'),
  },
  run: () => Promise.resolve(success(0)),
});

function parse(...args: string[]) {
  const parsed = parseCommandLine(sample, args, 80);
  if (!parsed.ok) return parsed.failure.message;
  return parsed.value.kind === 'help'
    ? parsed.value.text
    : { ...parsed.value.options, operands: parsed.value.operands };
}

describe('a command line', () => {
  it('takes every spelling of an option, and repeatable ones in order', () => {
    expect(parse('-h', 'a', '--target=b', '-w', 'c', '--host', 'd', '-qp3', 'x')).toEqual({
      hosts: ['a', 'b', 'c', 'd'],
      quiet: true,
      port: 3,
      operands: ['x'],
    });
  });

  it('leaves everything from the first operand on as it is, whatever it looks like', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('-h', '--', '-q', '--help', '-?', '--port=1', '-'))),
        (rest) => {
          expect(parse('-q', '--', ...rest)).toEqual({ quiet: true, operands: rest });
          expect(parse('-q', 'cmd', ...rest)).toEqual({ quiet: true, operands: ['cmd', ...rest] });
        },
      ),
    );
  });

  it('takes values that begin with a dash, and a flag that says no', () => {
    expect(parse('-h', '-', '--no-progress')).toEqual({ hosts: ['-'], noProgress: false, operands: [] });
  });

  it('shows help for --help and -?, with all spellings and examples, while -h means host', () => {
    for (const option of ['--help', '-?']) {
      expect(parse(option)).toContain('-h, --host, --target, -w <EXPR>');
      expect(parse(option)).toContain('Examples:\n  pogo sample x');
    }
    expect(parse('-h')).toContain('needs a value');
  });

  it('repeats no value of an unknown option', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[g-z0-9]{12,20}$/), (secret) => {
        for (const args of [[`--unknown=${secret}`], ['--unknown', secret], [`-z${secret}`]]) {
          expect(parse(...args)).not.toContain(secret);
        }
      }),
    );
  });
});

describe('a similar word', () => {
  it('is found for slips, and not for something else', () => {
    const words = ['--concurrent', '--host', '--hostfile', '--port', '--user'];
    expect(similarTo('--concurent', words)).toBe('--concurrent');
    expect(similarTo('--hots', words)).toBe('--host');
    expect(similarTo('--prot', words)).toBe('--port');
    expect(similarTo('--frobnicate', words)).toBeUndefined();
  });
});

describe('the command of a job', () => {
  const of = (...operands: string[]) => {
    const result = commandOf(operands, undefined);
    return result.ok ? result.value : result.failure.code;
  };

  it('is a shell string when one operand has white space or shell characters, and argv otherwise', () => {
    expect(of('uptime')).toEqual({ kind: 'argv', argv: ['uptime'] });
    expect(of('systemctl restart nginx')).toEqual({ kind: 'shell', script: 'systemctl restart nginx' });
    for (const shell of ['a|b', 'a;b', '$HOME', '`id`', 'a>b', '*', 'a\nb', '(id)', 'X=1', '~', "it's"]) {
      expect(of(shell)).toEqual({ kind: 'shell', script: shell });
    }
    expect(of('echo', '$HOME; id', '')).toEqual({ kind: 'argv', argv: ['echo', '$HOME; id', ''] });
    expect(of()).toBe('no-command');
    expect(of('')).toBe('no-command');
  });

  it('is what is forced', () => {
    expect(commandOf(['uptime'], 'shell')).toEqual(success({ kind: 'shell', script: 'uptime' }));
    expect(commandOf(['my program'], 'argv')).toEqual(success({ kind: 'argv', argv: ['my program'] }));
    expect(commandOf(['a', 'b'], 'shell')).toMatchObject({ ok: false });
  });

  it('is shown so that a shell would read the same arguments', () => {
    expect(commandText({ kind: 'argv', argv: ['echo', "it's", 'a b', ''] })).toBe("echo 'it'\\''s' 'a b' ''");
  });
});

describe('verbs', () => {
  it('are each in one group of the help', () => {
    const names = verbGroups.flatMap((group) => group.verbs.map(({ name }) => name));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(verbs.map(({ name }) => name));
    expect(verbGroups.map(({ title }) => title)).toEqual([
      'Start',
      'Watch jobs',
      'Steer jobs',
      'Hosts and set-up',
    ]);
  });

  it('all have help with examples, options with distinct spellings, and completion in every shell', async () => {
    const commands = await Promise.all(verbs.map((verb) => verb.load()));
    for (const [index, loaded] of commands.entries()) {
      expect(loaded.name).toBe(verbs[index]!.name);
      const help = parseCommandLine(loaded, ['-?'], 80);
      expect(help).toMatchObject({
        ok: true,
        value: { kind: 'help', text: expect.stringContaining('Examples:\n  ') as string },
      });
      const spellings = Object.values(loaded.options).flatMap((option) => option.spellings);
      expect(new Set(spellings).size).toBe(spellings.length);
    }
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell, commands);
      for (const { name } of verbs) expect(script).toContain(name);
      expect(script).toContain('host-key-policy');
    }
  });
});
