/**
 * Makes our own shell text small: it is no general minifier, and relies on how the text is written.
 *
 * - Names begin with an underscore, and name either a function or a variable.
 * - Comments have lines of their own; so have the words that end a case.
 * - A vertical bar between spaces stands between the patterns of a case: there are no pipelines.
 * - Quoted strings hold code (traps), or nothing that looks like it.
 */
export function minify(text: string): string {
  const functions = new Set([...text.matchAll(/^(_\w+)\(\) \{$/gm)].map(([, name]) => name));
  // Some shells have an alias `r`.
  const letters = 'abcdefghijklmnopqstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const shorten = { function: shortener('', letters), variable: shortener('_', `${letters}r0123456789`) };
  return (
    text
      .replace(/^#.*\n/gm, '')
      // A here-document of ours is one empty line.
      .replace(/(<<E\n)?\n+/g, (blank, document?: string) => (document ? blank.slice(0, 5) : '\n'))
      .replace(/\b_[a-zA-Z_]+\b/g, (name) => shorten[functions.has(name) ? 'function' : 'variable'](name))
      .replaceAll('() {', '(){')
      .replace(/ (&&|\|\|) /g, '$1')
      .replaceAll('; ', ';')
      // Patterns of a case: without the space, or line feed, behind them, and without the last ;;.
      .replaceAll(' | ', '|')
      .replace(/^([^\s"'()]+)\)\s/gm, '$1)')
      .replace(/ ?;;\n/g, ';;')
      // A line feed behind a here-document stays.
      .replace(/(?<!^E)\n;;/gm, ';;')
      .replace(/;;esac/g, '\nesac')
      .replace(/ &\n/g, '&')
      .replace(/ ([-+*/%<?:]=?) (?=[^()]*\)\))/g, '$1')
      .replace(/(?<=[^\d\s<>-]) (?=[<>])/g, '')
  );
}

/** Gives each name a short one behind `prefix`: one character of `alphabet`, or two. */
function shortener(prefix: string, alphabet: string): (name: string) => string {
  const names = new Map<string, string>();
  return (name) => {
    const number = names.size;
    const last = alphabet.charAt(number % alphabet.length);
    const first = alphabet.charAt(Math.floor(number / alphabet.length) - 1);
    const short = names.get(name) ?? `${prefix}${first}${last}`;
    names.set(name, short);
    return short;
  };
}
