/** A namespace in force, and its slots, for people. Pure. */
import type { NamespaceDocument, SlotDocument } from '@pogo/protocol';
import { neutralise } from './escape.js';
import { table } from './table.js';

/** `namespace default, version 3: 232 hosts` */
export function namespaceHeading({ name, version, hosts }: NamespaceDocument): string {
  return neutralise(`namespace ${name}, version ${version}: ${hosts} ${hosts === 1 ? 'host' : 'hosts'}`);
}

/** Empty where there is no slot. */
export function slotTable(slots: readonly SlotDocument[]): string {
  if (slots.length === 0) return '';
  return table([
    ['slot', 'hosts', 'at once', 'in use'],
    ...slots.map(({ name, members, limit, written, use }) => [
      name,
      String(members),
      written === String(limit) ? written : `${limit} (${written})`,
      String(use),
    ]),
  ]);
}
