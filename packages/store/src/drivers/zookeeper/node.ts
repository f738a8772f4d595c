/** A node as a session reads it, and what comes of writes to it. */
import type { Stat } from './stat.js';

export interface Node {
  data: Uint8Array;
  stat: Stat;
}

export type CreateOutcome =
  { kind: 'ok'; path: string; stat: Stat } | { kind: 'exists' } | { kind: 'no-parent' };
export type SetOutcome = { kind: 'ok'; stat: Stat } | { kind: 'bad-version' } | { kind: 'absent' };
export type DeleteOutcome = 'ok' | 'bad-version' | 'absent' | 'not-empty';
