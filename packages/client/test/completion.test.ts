/** What shells offer, as real ones. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PogoFixture } from './support/pogo.js';

let pogo: PogoFixture;
beforeAll(async () => {
  pogo = await PogoFixture.build();
  await pogo.file('cookbook.yaml', '[{ name: restart, command: a }, { name: reload, command: b }]\n');
  await pogo.file('other.yaml', '[{ name: recover, command: c }]\n');
  await pogo.file('home/.pogoconf', 'cookbook: ../cookbook.yaml\n');
  await pogo.file('bin/pogo', `#!/bin/sh\nexec '${process.execPath}' '${pogo.program}' "$@"\n`, 0o700);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout } = await pogo.run(['completion', shell]);
    await pogo.file(`completion.${shell}`, stdout);
  }
});
afterAll(() => pogo?.remove());

async function shell(program: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(program, args, {
    cwd: pogo.directory,
    env: { PATH: `${pogo.directory}/bin:${process.env['PATH']}`, HOME: pogo.directory, POGO_HOME: pogo.home },
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** The line is complete up to its last word. */
function inBash(...words: string[]): Promise<string[]> {
  const script =
    'source completion.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pogo; printf "%s\\n" "${COMPREPLY[@]}"';
  return shell('bash', '-c', script, 'bash', ...words);
}

async function inFish(...words: string[]): Promise<string[]> {
  const lines = await shell('fish', '-c', `source completion.fish; complete -C '${words.join(' ')}'`);
  return lines.map((line) => line.split('\t')[0]!);
}

const inZsh = (...words: string[]) =>
  shell(
    'zsh',
    '-fc',
    'compdef() {}; compadd() { shift; for name in ${(P)1}; do [[ $name == ${words[CURRENT]}* ]] && print -r -- $name; done }; source ./completion.zsh; words=("$@"); CURRENT=$#; program=pogo; _pogo_recipes',
    'zsh',
    ...words,
  );

describe.each([
  ['bash', inBash],
  ['fish', inFish],
  ['zsh', inZsh],
])('names of recipes in %s', (_name, offered) => {
  it('are those of the cookbook that the configuration or the line names', async () => {
    expect((await offered('pogo', 'run', '-R', 're')).sort()).toEqual(['reload', 'restart']);
    expect(await offered('pogo', 'run', '-C', 'other.yaml', '-R', 're')).toEqual(['recover']);
  });

  it('are none where there is no such cookbook', async () => {
    expect(await offered('pogo', 'run', '-C', 'nowhere.yaml', '--recipe', '')).toEqual([]);
  });
});

describe('a shell', () => {
  it.each([
    ['bash', inBash],
    ['fish', inFish],
  ])('offers them after recipes show: %s', async (_name, offered) => {
    expect(await offered('pogo', 'recipes', 'show', 'rel')).toContain('reload');
  });

  it('reads the scripts', async () => {
    for (const name of ['bash', 'zsh', 'fish'])
      expect(await shell(name, '-n', `completion.${name}`)).toEqual([]);
  });

  it('does not expand a name that a cookbook has', async () => {
    await pogo.file('bin/pogo-fake/pogo', "#!/bin/sh\necho '$(touch expanded)'\n", 0o700);
    expect(await inBash(`${pogo.directory}/bin/pogo-fake/pogo`, 'run', '-R', '')).toEqual([
      '$(touch expanded)',
    ]);
    expect(await shell('ls')).not.toContain('expanded');
  });
});
