/** Ansible inventories in YAML form: groups with `hosts`, `children` and `vars`, nested. Never throws. */
import { readYamlFile, type YamlTree } from '@pogo/protocol';
import { expandRange } from './host-range.js';
import { Inventory, shown } from './inventory.js';

export function readAnsibleYaml(text: string): Inventory {
  const inventory = new Inventory();
  const read = readYamlFile({
    content: text,
    file: '',
    what: 'inventory',
    maxBytes: Infinity,
    needs: 'groups',
  });
  if (!read.ok) {
    for (const { line, column, code, message } of read.problems)
      inventory.add(
        { line, column },
        code,
        `${message}; a program such as ansible-inventory --list can be asked instead`,
      );
    return inventory;
  }
  const { tree } = read;
  if (!isRecord(tree.value)) {
    inventory.add({ line: 1, column: 1 }, 'wrong-type', 'expected groups, such as all: { hosts: … }');
    return inventory;
  }
  // Nesting is bounded by the reader of the text.
  const left: Given[] = Object.entries(tree.value).map(([name, value]) => ({ name, path: [name], value }));
  for (let group = left.pop(); group !== undefined; group = left.pop())
    left.push(...readGroup(group, tree, inventory));
  return inventory;
}

interface Given {
  readonly name: string;
  readonly path: readonly string[];
  readonly value: unknown;
}

/** Takes the hosts of a group; gives the groups inside of it. */
function readGroup({ name, path, value }: Given, tree: YamlTree, inventory: Inventory): Given[] {
  inventory.define(name);
  const wrong = (at: readonly string[], message: string) =>
    inventory.add(tree.place(at, 'key'), 'wrong-type', message);
  if (value === null) return [];
  if (!isRecord(value)) {
    wrong(path, `group ${shown(name)} has hosts, children and vars: nothing else stands here`);
    return [];
  }
  const inside: Given[] = [];
  for (const [key, part] of Object.entries(value)) {
    const at = [...path, key];
    if (key !== 'hosts' && key !== 'children' && key !== 'vars')
      wrong(at, `unknown key "${shown(key)}": a group has hosts, children and vars`);
    else if (part === null) continue;
    else if (!isRecord(part)) wrong(at, `${key} of group ${shown(name)} are a map, each name with a colon`);
    else if (key === 'vars') inventory.addGroupVariables(Object.keys(part).length);
    else if (key === 'hosts') readHosts(part, { name, path: at }, tree, inventory);
    else {
      for (const [child, content] of Object.entries(part)) {
        inventory.addChild(name, child, tree.place([...at, child], 'key'));
        inside.push({ name: child, path: [...at, child], value: content });
      }
    }
  }
  return inside;
}

function readHosts(
  hosts: Record<string, unknown>,
  group: { readonly name: string; readonly path: readonly string[] },
  tree: YamlTree,
  inventory: Inventory,
): void {
  for (const [pattern, variables] of Object.entries(hosts)) {
    const place = tree.place([...group.path, pattern], 'key');
    const expanded = pattern.includes('[') ? expandRange(pattern) : { ok: true as const, names: [pattern] };
    if (!expanded.ok) {
      inventory.add(place, 'invalid-range', shown(expanded.message));
      continue;
    }
    if (variables !== null && !isRecord(variables)) {
      inventory.add(place, 'wrong-type', `what belongs to host ${shown(pattern)} are variables by name`);
      continue;
    }
    for (const host of expanded.names) {
      if (!inventory.addHost(group.name, host, place)) break;
      for (const [name, value] of Object.entries(variables ?? {})) inventory.addVariable(host, name, value);
    }
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
