import type { JobRecord } from '@pogo/core';

/** Indexes of hosts that have no order. Looks at every host. */
export function unstartedHosts({ hosts }: JobRecord): number[] {
  return [...hosts.keys()].filter((host) => ['waiting', 'permitted'].includes(hosts[host]!.state));
}
