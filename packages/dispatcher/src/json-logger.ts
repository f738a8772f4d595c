import { destination, type Logger, pino } from 'pino';

/** What waits to be written where nothing can be, in bytes; what comes then is dropped. */
const mostWaitingBytes = 1024 * 1024;

/**
 * Logs as JSON lines to a file descriptor, each written before the call returns: a crash loses none. Where it can't be
 * written, on a full disk, some of it waits until it can, and the dispatcher goes on.
 */
export function jsonLogger(options: { level: string; fileDescriptor: number }): Logger {
  const file = destination({ dest: options.fileDescriptor, sync: true, maxLength: mostWaitingBytes });
  file.on('error', () => undefined);
  return pino({ level: options.level, base: { part: 'dispatcher' } }, file);
}
