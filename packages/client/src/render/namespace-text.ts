/** A namespace in force, and its slots, for people. Pure. */
import type { NamespaceDocument, SlotDocument } from '@pogo/protocol';
import { neutralise } from './escape.js';
import { freezeText } from './standing-text.js';
import { table } from './table.js';

/** `namespace default, version 3: 232 hosts` */
export function namespaceHeading({ name, version, hosts }: NamespaceDocument): string {
  return neutralise(`namespace ${name}, version ${version}: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`);
}

/** Empty where there is no slot. */
export function slotTable(slots: readonly SlotDocument[]): string {
  if (slots.length === 0) return '';
  const isAnyFrozen = slots.some(({ frozen }) => frozen !== undefined);
  return table([
    ['slot', 'hosts', 'at once', 'in use', ...(isAnyFrozen ? [''] : [])],
    ...slots.map(({ name, members, limit, written, use, frozen }) => [
      name,
      String(members),
      written === String(limit) ? written : `${limit} (${written})`,
      String(use),
      ...(isAnyFrozen ? [frozen === undefined ? '' : freezeText(frozen)] : []),
    ]),
  ]);
}

/** What is frozen as a whole, and slots that only an earlier version had, a line each. */
export function freezeLines({ name, frozen, frozenElsewhere = [] }: NamespaceDocument): string {
  const lines = [
    ...(frozen === undefined ? [] : [`namespace ${name} is ${freezeText(frozen)}`]),
    ...frozenElsewhere.map(({ slot, ...by }) => `${slot}, which is no slot any more, is ${freezeText(by)}`),
  ];
  return lines.map((line) => `${neutralise(line)}\n`).join('');
}
