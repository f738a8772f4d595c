/**
 * A test for names that match the pattern: `*` stands for any characters, `?` for one. Made once per pattern, since it is put
 * to a hundred thousand names; a name takes at most pattern.length × name.length steps.
 */
export function wildcardMatcher(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map(newPart);
  const first = parts[0]!;
  if (parts.length === 1) return (name) => name.length === first.length && first.isAt(name, 0);
  const last = parts.at(-1)!;
  const between = parts.slice(1, -1).filter(({ length }) => length > 0);
  const shortest = pattern.length - (parts.length - 1);
  return (name) => {
    if (name.length < shortest) return false;
    const end = name.length - last.length;
    // The end first: it tells most names apart.
    if (!last.isAt(name, end) || !first.isAt(name, 0)) return false;
    let at = first.length;
    for (const part of between) {
      at = part.find(name, at);
      if (at < 0) return false;
      at += part.length;
    }
    return at <= end;
  };
}

/** Text between two stars. */
interface Part {
  readonly length: number;
  isAt(name: string, offset: number): boolean;
  /** Where it is first, from the offset on; negative when nowhere. */
  find(name: string, from: number): number;
}

function newPart(text: string): Part {
  const { length } = text;
  if (!text.includes('?')) {
    return {
      length,
      isAt: (name, offset) => name.startsWith(text, offset),
      find: (name, from) => name.indexOf(text, from),
    };
  }
  const isAt = (name: string, offset: number) => {
    if (offset + length > name.length) return false;
    for (let index = 0; index < length; index++) {
      if (text[index] !== '?' && text[index] !== name[offset + index]) return false;
    }
    return true;
  };
  const find = (name: string, from: number) => {
    for (let offset = from; offset + length <= name.length; offset++) if (isAt(name, offset)) return offset;
    return -1;
  };
  return { length, isAt, find };
}
