import { hostCount, type LogEntry } from '@pogo/core';

/** How many hosts an entry moves from one state to another. */
export function countTransitions(entry: LogEntry): number {
  switch (entry.type) {
    case 'hosts-permitted':
    case 'hosts-assigned':
    case 'hosts-begun':
    case 'hosts-started':
    case 'hosts-refused':
    case 'hosts-halted':
      return hostCount(entry.hosts);
    case 'host-finished':
      return 1;
    default:
      return 0;
  }
}
