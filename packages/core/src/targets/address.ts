/** Longest zone (interface name) of a scoped address, in characters. */
const maxZoneLength = 64;
const zoneName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;
const group = /^[0-9A-Fa-f]{1,4}$/;
const byte = /^(?:0|[1-9]\d{0,2})$/;

/**
 * Value of an IPv6 address as text that is equal for every spelling of it: eight groups without compression, lower
 * case, and the zone as it was given. Undefined when the text isn't an IPv6 address (RFC 4291 2.2, RFC 4007 11).
 */
export function addressKey(text: string): string | undefined {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? '' : text.slice(percent + 1);
  if (percent >= 0 && (zone.length > maxZoneLength || !zoneName.test(zone))) return undefined;
  const halves = (percent < 0 ? text : text.slice(0, percent)).split('::');
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0]!, halves.length === 1);
  const tail = halves.length === 1 ? [] : groupsOf(halves[1]!, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<string>(missing).fill('0'), ...tail];
  return groups.join(':') + (zone === '' ? '' : `%${zone}`);
}

/** Groups of one side of `::`, the last of which may be a dotted IPv4 address; undefined when malformed. */
function groupsOf(text: string, mayEndDotted: boolean): string[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const last = groups.at(-1)!;
  if (last.includes('.')) {
    const dotted = mayEndDotted ? dottedGroups(last) : undefined;
    if (dotted === undefined) return undefined;
    groups.splice(-1, 1, ...dotted);
  }
  if (!groups.every((part) => group.test(part))) return undefined;
  return groups.map((part) => part.toLowerCase().replace(/^0+(?=.)/, ''));
}

function dottedGroups(text: string): string[] | undefined {
  const bytes = text.split('.');
  if (bytes.length !== 4 || !bytes.every((part) => byte.test(part) && Number(part) < 256)) return undefined;
  const [a, b, c, d] = bytes.map(Number);
  return [(a! * 256 + b!).toString(16), (c! * 256 + d!).toString(16)];
}
