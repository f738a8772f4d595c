/**
 * What is written to the login user's `/bin/sh -s` to get through sudo: POSIX sh.
 *
 * 1. Each text is one brace group: a shell parses it to the end before it runs anything, so a cut text runs nothing.
 * 2. No word that we wait for stands in these texts, or in sudo's arguments, as it will be printed: what repeats them
 *    (`set -x` in a start file, sudo's own "is not allowed to execute …") can't be taken for the real thing.
 * 3. The password is in none of them. It goes to sudo's stdin, and for the second way through a pipe of the shell's;
 *    never into an argument, the environment or a file.
 * 4. Whoever reads on after sudo drops one line first: a password that sudo left unread is never run as a command,
 *    nor passed on.
 *
 * The nonce can be seen on the host (`ps` shows sudo's arguments). That is no danger: to make rexec send the password
 * one would have to write to this channel's stderr, which only the login account and root can, and these can have the
 * password anyway: they stand between us and sudo.
 */

/** Words of a dialogue; `nonce` is 16 to 64 letters and digits. */
export interface SudoWords {
  /** sudo's prompt, on stderr. */
  readonly prompt: string;
  /** The shell has the text: from here on sudo has its say. On stdout, as are the others. */
  readonly begun: string;
  readonly missing: string;
  /** The second way: sudo would let the command run; the password is wanted once more. */
  readonly again: string;
  /** A shell waits for one line to drop, and then for what it shall run. */
  readonly ready: string;
}

export function sudoWords(nonce: string): SudoWords {
  const word = (name: string) => `pogo-${nonce}-${name}\n`;
  return {
    prompt: `pogo%${nonce}`,
    begun: word('begun'),
    missing: word('missing'),
    again: word('again'),
    ready: word('ready'),
  };
}

export interface SudoTextOptions {
  readonly nonce: string;
  readonly runAs: string;
  /** How a shell is started there that reads what it shall do from stdin. */
  readonly shellLine: string;
}

/** The shell itself under sudo: everything that follows runs as the other account, and can be ended by it. */
export function sudoShellText({ nonce, runAs, shellLine }: SudoTextOptions): string {
  const inside = `printf "%s%s\\n" pogo- ${nonce}-ready;read -r x;unset LC_ALL x;${shellLine}`;
  return `{
command -v sudo >/dev/null 2>&1 || { ${say(nonce, 'missing')}; exit 127; }
${say(nonce, 'begun')}
LC_ALL=C
export LC_ALL
exec sudo -k -S -H -p 'pogo%%${nonce}' -u ${quote(runAs)} -- /bin/sh -c '${inside}'
}
`;
}

export interface CommandOnlyTextOptions extends SudoTextOptions {
  readonly command: readonly (Uint8Array | string)[];
  /** Whether sudo shall ask for what it needs, a password or an agent; otherwise it must do without. */
  readonly authenticate: boolean;
}

/**
 * Asks sudo whether it lets the command itself run, and then becomes the login user's own shell. sudo's ticket holds
 * for one parent process and one session, and the command will have others: it must be proven there again, by a
 * password that waits in descriptor 9 ({@link commandOnlyArgv}).
 */
export function commandOnlyText(options: CommandOnlyTextOptions): Buffer {
  const { nonce, runAs, command, shellLine, authenticate } = options;
  const inside = `exec 9<&0 0<&8 8<&-;printf "%s%s\\n" pogo- ${nonce}-ready;read -r x;${shellLine}`;
  const user = quote(runAs);
  return Buffer.concat([
    Buffer.from(`{
${say(nonce, 'begun')}
set --`),
    ...command.flatMap((word) => [Buffer.from(' '), quoteBytes(word)]),
    Buffer.from(`
${authenticate ? `LC_ALL=C sudo -S -p 'pogo%%${nonce}' -u ${user} -v || exit` : ':'}
LC_ALL=C sudo -n -l -u ${user} -- "$@" >/dev/null || exit
case $(command -v printf) in /*) echo "printf is not built into /bin/sh" >&2; exit 1 ;; esac
${say(nonce, 'again')}
IFS= read -r x
exec 8<&0
printf '%s\\n' "$x" | exec /bin/sh -c '${inside}'
exit
}
`),
  ]);
}

/** The command as the login user starts it; what it inherits is neither the password nor any stdin. */
export function commandOnlyArgv({
  runAs,
  command,
  authenticate,
}: Pick<CommandOnlyTextOptions, 'runAs' | 'command' | 'authenticate'>): readonly (Uint8Array | string)[] {
  const text = `u=$1
shift
${authenticate ? 'LC_ALL=C sudo -S -p "" -u "$u" -v <&9 >/dev/null 2>&1' : ':'}
exec 9<&-
sudo -n -H -u "$u" -- "$@"
exit $?`;
  return ['/bin/sh', '-c', text, 'pogo-sudo', runAs, ...command];
}

function say(nonce: string, name: string): string {
  return `printf '%s%s\\n' pogo- ${nonce}-${name}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function quoteBytes(word: Uint8Array | string): Buffer {
  const bytes = typeof word === 'string' ? Buffer.from(word) : Buffer.from(word);
  return Buffer.from(quote(bytes.toString('latin1')), 'latin1');
}
