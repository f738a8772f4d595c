import { destination, type Logger, pino } from 'pino';

/** Logs as JSON lines to a file descriptor, each written before the call returns: a crash loses none. */
export function jsonLogger(options: { level: string; fileDescriptor: number }): Logger {
  return pino(
    { level: options.level, base: { part: 'dispatcher' } },
    destination({ dest: options.fileDescriptor, sync: true }),
  );
}
