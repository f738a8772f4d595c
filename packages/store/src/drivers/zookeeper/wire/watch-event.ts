/** What a server tells when something has changed that was watched. */
import type { JuteReader } from './jute-reader.js';

export interface WatchEvent {
  kind: 'created' | 'deleted' | 'changed' | 'children-changed';
  path: string;
}

const kinds: Partial<Record<number, WatchEvent['kind']>> = {
  1: 'created',
  2: 'deleted',
  3: 'changed',
  4: 'children-changed',
};

/** Undefined when it tells of something else. */
export function readWatchEvent(reader: JuteReader): WatchEvent | undefined {
  const kind = kinds[reader.int()];
  reader.int();
  const path = reader.text();
  return kind === undefined ? undefined : { kind, path };
}
