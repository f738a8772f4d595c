/**
 * Ansible inventories in INI form (Ansible's own manual describes it): hosts below `[group]`, groups below
 * `[group:children]`, and variables, which are read over.
 *
 * 1. Never throws, whatever the text; every problem has its line.
 * 2. What isn't understood is a problem, and never passed over: a host that is missing would be disturbed by nobody.
 */
import { isHost } from '@pogo/core';
import type { TextPlace } from '@pogo/protocol';
import { expandRange } from './host-range.js';
import { Inventory, shown } from './inventory.js';

export function readAnsibleIni(text: string): Inventory {
  const inventory = new Inventory();
  let section: Section = { group: 'ungrouped', kind: 'hosts' };
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const place = { line: index + 1, column: raw.length - raw.trimStart().length + 1 };
    const opened = line.startsWith('[') ? openSection(line) : undefined;
    if (opened === 'invalid') {
      const message = `"${shown(line)}" is no section: [group], [group:children] or [group:vars]`;
      inventory.add(place, 'invalid-section', message);
      section = { group: 'ungrouped', kind: 'unknown' };
    } else if (opened !== undefined) {
      section = opened;
      if (section.kind !== 'vars') inventory.define(section.group);
    } else readLine(line, section, inventory, place);
  }
  return inventory;
}

interface Section {
  readonly group: string;
  readonly kind: 'hosts' | 'children' | 'vars' | 'unknown';
}

const header = /^\[([^\s:[\]#;]+)(?::([a-z]+))?\]\s*(?:[#;].*)?$/;

/** Undefined for a line that begins with a range or an address in brackets: `[::1]:22`, `[a:c].example.com`. */
function openSection(line: string): Section | 'invalid' | undefined {
  const match = header.exec(line);
  if (match !== null) {
    const [, group, kind = 'hosts'] = match;
    // `[1:3]` could be a range, but no host is a bare number.
    return kind === 'hosts' || kind === 'children' || kind === 'vars' ? { group: group!, kind } : 'invalid';
  }
  const word = line.split(/\s/, 1)[0]!;
  return /^\[[^\]]*\][^\s#;]+/.test(word) || /^\[[0-9a-fA-F:.%]*::?[0-9a-fA-F:.%\w]*\]$/.test(word)
    ? undefined
    : 'invalid';
}

function readLine(line: string, { group, kind }: Section, inventory: Inventory, place: TextPlace): void {
  switch (kind) {
    case 'hosts':
      readHosts(line, group, inventory, place);
      return;
    case 'children': {
      const name = line.replace(/\s+[#;].*$/, '');
      if (/[\s=:[\]]/.test(name))
        inventory.add(place, 'invalid-group', `"${shown(name)}" is not the name of one group`);
      else inventory.addChild(group, name, place);
      return;
    }
    case 'vars':
      if (/^[^\s=][^=]*=/.test(line)) inventory.addGroupVariables(1);
      else inventory.add(place, 'invalid-variable', `"${shown(line)}" is no variable: name=value`);
      return;
    case 'unknown':
      return;
  }
}

function readHosts(line: string, group: string, inventory: Inventory, place: TextPlace): void {
  const words = wordsOf(line);
  if (words === undefined) {
    inventory.add(place, 'unclosed-quote', `"${shown(line)}" has a quote without its other one`);
    return;
  }
  const [pattern, ...rest] = words;
  if (pattern === undefined) return;
  const variables: [name: string, value: string][] = [];
  for (const word of rest) {
    const at = word.indexOf('=');
    if (at <= 0) {
      const message = `"${shown(word)}" behind a host is no variable: name=value; each host has a line of its own`;
      inventory.add(place, 'invalid-variable', message);
      return;
    }
    variables.push([word.slice(0, at), word.slice(at + 1)]);
  }
  const { name, port } = withoutPort(pattern);
  if (port !== undefined) variables.push(['ansible_port', port]);
  const expanded = isHost(name) ? { ok: true as const, names: [name] } : expandRange(name);
  if (!expanded.ok) {
    inventory.add(place, 'invalid-range', shown(expanded.message));
    return;
  }
  for (const host of expanded.names) {
    if (!inventory.addHost(group, host, place)) return;
    for (const [variable, value] of variables) inventory.addVariable(host, variable, value);
  }
}

/** `web1:2222`, `[::1]:22`, `web[1:3]:22`: the port belongs to the job. */
function withoutPort(pattern: string): { name: string; port: string | undefined } {
  const address = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(pattern);
  if (address !== null && address[1]!.includes(':') && isHost(address[1]!))
    return { name: address[1]!, port: address[2] };
  if (isHost(pattern)) return { name: pattern, port: undefined };
  const match = /^((?:[^[\]:]|\[[^\]]*\])+):(\d{1,5})$/.exec(pattern);
  return match === null ? { name: pattern, port: undefined } : { name: match[1]!, port: match[2] };
}

/** Words as a shell reads them, without variables: quotes, backslashes, comments. Undefined for an unclosed quote. */
function wordsOf(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quote !== '') {
      if (character === quote) quote = '';
      else if (character === '\\' && quote === '"' && /["\\]/.test(line[at + 1] ?? '')) word += line[++at]!;
      else word += character;
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === '#' && word === undefined) break;
    else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (character === '\\' && at + 1 < line.length) word = `${word ?? ''}${line[++at]!}`;
    else word = `${word ?? ''}${character}`;
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}
