/**
 * What an inventory program prints: groups by name, each a list of hosts, or an object with `hosts`, `children` and
 * `vars`; `_meta` may have variables of hosts. It is what Ansible's inventory scripts print.
 */
import * as z from 'zod';
import { Inventory, shown } from './inventory.js';

const names = z.array(z.string());
const groupSchema = z.union([
  names,
  z.strictObject({
    hosts: names.nullish(),
    children: names.nullish(),
    vars: z.record(z.string(), z.unknown()).nullish(),
  }),
]);
const variablesSchema = z
  .object({ hostvars: z.record(z.string(), z.record(z.string(), z.unknown())).default({}) })
  .default({ hostvars: {} });

export type ReadAnswer =
  | { readonly ok: true; readonly inventory: Inventory }
  /** What is wrong with it, in one sentence without a stop. */
  | { readonly ok: false; readonly message: string };

export function readInventoryJson(text: string): ReadAnswer {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return {
      ok: false,
      message: `it isn't JSON: ${shown(error instanceof Error ? error.message : String(error))}`,
    };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, message: 'it is no object of groups' };
  const inventory = new Inventory();
  const { _meta: meta, ...groups } = value as Record<string, unknown>;
  for (const [name, given] of Object.entries(groups)) {
    const group = groupSchema.safeParse(given);
    if (!group.success) {
      const message = `group ${shown(name)} is neither a list of hosts nor an object of hosts, children and vars`;
      return { ok: false, message };
    }
    const { hosts, children, vars } = Array.isArray(group.data)
      ? { hosts: group.data, children: [], vars: {} }
      : group.data;
    inventory.define(name);
    for (const host of hosts ?? [])
      if (!inventory.addHost(name, host, undefined)) {
        const [problem] = inventory.problems;
        return { ok: false, message: `group ${shown(name)}: ${problem?.message ?? 'too many hosts'}` };
      }
    for (const child of children ?? []) inventory.addChild(name, child, undefined);
    inventory.addGroupVariables(Object.keys(vars ?? {}).length);
  }
  const variables = variablesSchema.safeParse(meta);
  if (!variables.success) return { ok: false, message: '_meta.hostvars are variables by the names of hosts' };
  for (const [host, own] of Object.entries(variables.data.hostvars))
    for (const [name, given] of Object.entries(own)) inventory.addVariable(host, name, given);
  return { ok: true, inventory };
}
