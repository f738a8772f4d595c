/** Completion scripts for shells, generated from the declarations of the commands. Pure. */
import type { Command } from './command.js';
import type { AnyOption } from './option.js';

export function completionScript(shell: 'bash' | 'zsh' | 'fish', commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

function optionsOf({ options }: Command): AnyOption[] {
  return Object.values<AnyOption>(options);
}

function completes(option: AnyOption): 'file' | 'directory' | readonly string[] | undefined {
  return option.kind === 'flag' ? undefined : option.completes;
}

function single(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function bash(commands: readonly Command[]): string {
  const values = commands.flatMap((command) =>
    optionsOf(command)
      .filter((option) => option.kind !== 'flag')
      .map(
        (option) =>
          `    ${option.spellings.map((spelling) => `${command.name}:${spelling}`).join('|')}) ${bashReply(completes(option))}; return ;;`,
      ),
  );
  const options = commands.map((command) => {
    const words = [...optionsOf(command).flatMap((option) => option.spellings), '-?', '--help'];
    return `      ${command.name}) ${bashReply(words)} ;;`;
  });
  const operands = commands
    .filter((command) => command.completes !== undefined)
    .map((command) => `      ${command.name}) ${bashReply(command.completes)} ;;`);
  return `# bash completion of pogo
_pogo() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb=\${COMP_WORDS[1]}
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    ${bashReply(commands.map(({ name }) => name))}
    return
  fi
  case "$verb:$prev" in
${values.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case "$verb" in
${options.join('\n')}
    esac
  else
    case "$verb" in
${operands.join('\n')}
      *) ;;
    esac
  fi
}
complete -F _pogo pogo
`;
}

function bashReply(what: 'file' | 'directory' | readonly string[] | undefined): string {
  if (what === undefined) return ':';
  if (what === 'file') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")';
  if (what === 'directory') return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")';
  return `mapfile -t COMPREPLY < <(compgen -W ${single(what.join(' '))} -- "$cur")`;
}

function zsh(commands: readonly Command[]): string {
  const described = commands.map(
    ({ name, summary }) => `    ${single(`${name}:${summary.replaceAll(':', '\\:')}`)}`,
  );
  const cases = commands.map((command) => {
    const specs = optionsOf(command).map((option) => {
      const group = option.spellings.length > 1 ? `{${option.spellings.join(',')}}` : option.spellings[0]!;
      const repeat = option.kind === 'many' ? "'*'" : '';
      const description = option.description.replace(/[[\]:]/g, (character) => `\\${character}`);
      const value =
        option.kind === 'flag'
          ? ''
          : `:${option.argument.replaceAll(':', '\\:')}:${zshAction(option.completes)}`;
      return `        ${repeat}${group}${single(`[${description}]${value}`)}`;
    });
    const operand = `'*::operand:${zshAction(command.completes)}'`;
    return `    ${command.name})\n      _arguments \\\n${[...specs, `        '(- *)'{-\\?,--help}'[show help]'`, `        ${operand}`].join(' \\\n')}\n      ;;`;
  });
  return `#compdef pogo
_pogo() {
  local -a verbs
  verbs=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -t verbs verb verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
if [[ \${funcstack[1]} == _pogo ]]; then _pogo "$@"; else compdef _pogo pogo; fi
`;
}

function zshAction(what: 'file' | 'directory' | readonly string[] | undefined): string {
  if (what === 'file') return '_files';
  if (what === 'directory') return '_files -/';
  return what === undefined ? ' ' : `(${what.join(' ')})`;
}

function fish(commands: readonly Command[]): string {
  const lines = ['# fish completion of pogo', 'complete -c pogo -f'];
  for (const command of commands) {
    lines.push(
      `complete -c pogo -n __fish_use_subcommand -a ${command.name} -d ${fishText(command.summary)}`,
    );
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    for (const option of optionsOf(command)) {
      const names = option.spellings.map((spelling) =>
        spelling.startsWith('--') ? `-l ${spelling.slice(2)}` : `-s ${spelling.slice(1)}`,
      );
      lines.push(
        `complete -c pogo ${when} ${names.join(' ')}${fishValue(option)} -d ${fishText(option.description)}`,
      );
    }
    const operands = command.completes;
    if (operands === 'file' || operands === 'directory') lines.push(`complete -c pogo ${when} -F`);
    else if (operands !== undefined)
      lines.push(`complete -c pogo ${when} -a ${fishText(operands.join(' '))}`);
  }
  return `${lines.join('\n')}\n`;
}

function fishValue(option: AnyOption): string {
  if (option.kind === 'flag') return '';
  if (option.completes === 'file' || option.completes === 'directory') return ' -r -F';
  return option.completes === undefined ? ' -x' : ` -x -a ${fishText(option.completes.join(' '))}`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
