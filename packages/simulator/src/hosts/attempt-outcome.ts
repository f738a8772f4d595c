/** What a simulated rexec reports of an attempt's end: what the host said, or `unknown`; a guess is nowhere. */
import type { AttemptReport } from '@pogo/protocol';
import type { CommandEnd } from './simulated-host.js';

export type AttemptOutcome = Extract<AttemptReport, { event: 'finished' }>['outcome'];

export const busy: AttemptOutcome = {
  state: 'unreachable',
  reason: 'connection-broken',
  message: 'another stub holds the lock of this host',
};
export const lost: AttemptOutcome = {
  state: 'unknown',
  reason: 'connection-lost',
  message: 'the connection was lost while the command ran',
};

export function outcomeOf(end: CommandEnd): AttemptOutcome {
  switch (end.kind) {
    case 'exit':
      return end.code === 0
        ? { state: 'succeeded', exitCode: 0 }
        : { state: 'failed', reason: 'exit-nonzero', exitCode: end.code };
    case 'killed':
      if (end.by === 'timeout') return { state: 'timed-out', reason: 'command-timeout' };
      return { state: 'killed', reason: end.by === 'halt' ? 'halt-kill' : 'stub-stopped' };
    case 'host-crash':
      return lost;
  }
}
