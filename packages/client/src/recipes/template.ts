/**
 * Texts of a recipe with references to its parameters: `{{name}}`. Four opening braces stand for two, so that every text
 * can be written. Nothing else with two opening braces is let through: a slip is an error, and never a literal.
 */

export interface Reference {
  readonly kind: 'reference';
  readonly name: string;
  /** Where its braces begin in the text. */
  readonly offset: number;
}

export type TemplatePiece = { readonly kind: 'text'; readonly text: string } | Reference;
export type Template = readonly TemplatePiece[];

export type ParsedTemplate =
  | { readonly ok: true; readonly template: Template }
  | { readonly ok: false; readonly offset: number; readonly message: string };

/** What a parameter may be called. */
export const parameterNamePattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const reference = /\{\{ *([A-Za-z][A-Za-z0-9_-]{0,63}) *\}\}/y;

/** Never throws; linear in the text. */
export function parseTemplate(text: string): ParsedTemplate {
  const template: TemplatePiece[] = [];
  let literal = '';
  let position = 0;
  for (;;) {
    const opened = text.indexOf('{{', position);
    literal += text.slice(position, opened < 0 ? undefined : opened);
    if (opened < 0) break;
    if (text.startsWith('{{{{', opened)) {
      literal += '{{';
      position = opened + 4;
      continue;
    }
    reference.lastIndex = opened;
    const match = reference.exec(text);
    if (match === null) {
      const message =
        '"{{" begins the name of a parameter, as in {{service}}: write "{{{{" for two braces as they are';
      return { ok: false, offset: opened, message };
    }
    if (literal !== '') template.push({ kind: 'text', text: literal });
    literal = '';
    template.push({ kind: 'reference', name: match[1]!, offset: opened });
    position = reference.lastIndex;
  }
  if (literal !== '') template.push({ kind: 'text', text: literal });
  return { ok: true, template };
}

export function referencesOf(template: Template): Reference[] {
  return template.filter((piece) => piece.kind === 'reference');
}

/** The text with values in the place of references, each as it is. */
export function renderText(template: Template, valueOf: (name: string) => string): string {
  return template.map((piece) => (piece.kind === 'text' ? piece.text : valueOf(piece.name))).join('');
}
