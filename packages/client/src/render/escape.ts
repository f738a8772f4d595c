/**
 * Makes hostile text harmless on a terminal: nothing that a host prints may move the cursor, change a title, hide text or
 * reorder it (security.md, "Input from hosts and people"). Line feeds and tabs pass.
 */

/**
 * Control characters of C0 and C1, DEL, line and paragraph separators, and what changes the direction of text or joins
 * it invisibly.
 */
const hostile =
  /[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

/** The text with each such character spelled out: `^[`, `^M`, `<U+202E>`. */
export function neutralise(text: string): string {
  return text.replace(hostile, spelledOut);
}

function spelledOut(character: string): string {
  const code = character.codePointAt(0)!;
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  if (code === 0x7f) return '^?';
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
