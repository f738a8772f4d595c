/** Completion scripts for shells, generated from the declarations of the commands. Pure. */
import type { Command } from './command.js';
import type { AnyOption, Completion } from './option.js';

export function completionScript(shell: 'bash' | 'zsh' | 'fish', commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

function optionsOf({ options }: Command): AnyOption[] {
  return Object.values<AnyOption>(options);
}

function completes(option: AnyOption): Completion | undefined {
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
  const after = commands.flatMap(({ name, completesAfter = {} }) =>
    Object.entries(completesAfter).map(
      ([operand, what]) => `    ${name}:${operand}) ${bashReply(what)}; return ;;`,
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
# Names of recipes aren't expanded by the shell: they come from a file, or from elsewhere.
_pogo_recipes() {
  local word option= arguments=() name
  for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
    if [[ -n $option ]]; then
      [[ $word == = ]] && continue
      arguments+=("$option" "\${word/#'~/'/$HOME/}")
      option=
    elif [[ $word == -C || $word == --cookbook || $word == --config ]]; then
      option=$word
    fi
  done
  while IFS= read -r name; do
    [[ $name == "$cur"* ]] && COMPREPLY+=("$name")
  done < <("\${COMP_WORDS[0]}" recipes list --names "\${arguments[@]}" 2>/dev/null)
}
_pogo() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} verb=\${COMP_WORDS[1]}
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    ${bashReply(commands.map(({ name }) => name))}
    return
  fi
  case "$verb:$prev" in
${[...values, ...after].join('\n')}
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

function bashReply(what: Completion | undefined): string {
  if (what === undefined) return ':';
  if (what === 'recipe') return '_pogo_recipes';
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
    const operands = zshOperands(command).map((operand) => `        ${operand}`);
    return `    ${command.name})\n      _arguments \\\n${[...specs, `        '(- *)'{-\\?,--help}'[show help]'`, ...operands].join(' \\\n')}\n      ;;`;
  });
  return `#compdef pogo
_pogo_recipes() {
  local word option
  local -a arguments names
  for word in "\${(@Q)words[1,CURRENT-1]}"; do
    if [[ -n $option ]]; then
      arguments+=("$option" "\${word/#\\~\\//$HOME/}")
      option=
    elif [[ $word == (-C|--cookbook|--config) ]]; then
      option=$word
    elif [[ $word == (--cookbook|--config)=* ]]; then
      arguments+=("$word")
    fi
  done
  names=("\${(@f)$("$program" recipes list --names "\${arguments[@]}" 2>/dev/null)}")
  compadd -a names
}
_pogo() {
  local -a verbs
  verbs=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe -t verbs verb verbs
    return
  fi
  local program=\${(Q)words[1]} verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
${cases.join('\n')}
  esac
}
if [[ \${funcstack[1]} == _pogo ]]; then _pogo "$@"; else compdef _pogo pogo; fi
`;
}

/** Where what comes after an operand depends on it, each alternative is a case of its own. */
function zshOperands({ completes, completesAfter }: Command): string[] {
  if (completesAfter === undefined) return [`'*::operand:${zshAction(completes)}'`];
  const cases = Object.entries(completesAfter).map(
    ([operand, what]) => `\${words[(r)${operand}]:+${zshAction(what)}}`,
  );
  return [`'1:operand:${zshAction(completes)}'`, `"2:operand:${cases.join('')}"`];
}

function zshAction(what: Completion | undefined): string {
  if (what === 'recipe') return '_pogo_recipes';
  if (what === 'file') return '_files';
  if (what === 'directory') return '_files -/';
  return what === undefined ? ' ' : `(${what.join(' ')})`;
}

function fish(commands: readonly Command[]): string {
  const lines = ['# fish completion of pogo', fishRecipes, 'complete -c pogo -f'];
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
    if (operands !== undefined) lines.push(`complete -c pogo ${when}${fishOffer(operands)}`);
    for (const [operand, what] of Object.entries(command.completesAfter ?? {})) {
      const then = `-n '__fish_seen_subcommand_from ${command.name}; and __fish_seen_subcommand_from ${operand}'`;
      lines.push(`complete -c pogo ${then}${fishOffer(what)}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function fishValue(option: AnyOption): string {
  if (option.kind === 'flag') return '';
  const { completes: what } = option;
  if (what === undefined) return ' -x';
  return what === 'file' || what === 'directory' ? ' -r -F' : ` -x${fishOffer(what)}`;
}

function fishOffer(what: Completion): string {
  if (what === 'file' || what === 'directory') return ' -F';
  return ` -a ${fishText(what === 'recipe' ? '(__pogo_recipes)' : what.join(' '))}`;
}

const fishRecipes = `function __pogo_recipes
    set -l words (commandline -opc)
    set -l option ''
    set -l arguments
    for word in $words
        if test -n "$option"
            set -a arguments $option (string replace -r '^~/' "$HOME/" -- $word)
            set option ''
        else if contains -- $word -C --cookbook --config
            set option $word
        else if string match -qr -- '^--(cookbook|config)=' $word
            set -a arguments $word
        end
    end
    $words[1] recipes list --names $arguments 2>/dev/null
end`;

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
