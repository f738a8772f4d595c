/** What a namespace knows about hosts, for people: a paragraph for each. Pure. */
import type { HostInformation } from '@pogo/protocol';
import { neutralise } from './escape.js';
import { table } from './table.js';

type KnownHost = HostInformation['hosts'][number];

export function hostInformationText(hosts: readonly KnownHost[]): string {
  return hosts.map(hostText).join('');
}

function hostText({ host, known, apps, environments, slots, holders }: KnownHost): string {
  if (!known) return neutralise(`${host}  not known to the namespace\n`);
  const rows = [
    ['  apps', apps.join(', ') || 'none'],
    ['  environments', environments.map(({ type, value }) => `${type}:${value}`).join(', ') || 'none'],
    ...slots.map(({ name, use, limit }) => ['  slot', `${name}: ${use} of ${limit} in use`]),
    ...holders.map((holder) => ['  counts for', holderText(holder)]),
  ];
  return `${neutralise(host)}\n${table(rows)}`;
}

function holderText({ job, state, live }: KnownHost['holders'][number]): string {
  if (live) return `${job}, ${state}`;
  return `${job}, ${state} and not well since`;
}
