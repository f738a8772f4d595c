import { destination, pino } from 'pino';
import type { Log } from './log.js';

/** What waits to be written where nothing can be, in bytes; what comes then is dropped. */
const mostWaitingBytes = 1024 * 1024;

/**
 * Logs as JSON lines to a file descriptor, each written before the call returns: a crash loses none. Where it can't be
 * written, on a full disk, some of it waits until it can, and the worker goes on.
 */
export function jsonLog(options: { level: string; name: string; fileDescriptor: number }): Log {
  const { level, name, fileDescriptor } = options;
  const file = destination({ dest: fileDescriptor, sync: true, maxLength: mostWaitingBytes });
  file.on('error', () => undefined);
  return pino({ level, base: { part: 'worker', name } }, file);
}
