import type { InputStream } from '../environment.js';

/** Reads one key: d detaches, h or Ctrl-C halts, anything else goes on. The terminal is as before afterwards. */
export function askDetachOrHalt(
  stdin: InputStream,
  say: (text: string) => Promise<void>,
): Promise<'detach' | 'halt' | undefined> {
  return new Promise((resolve) => {
    const onKey = (chunk: Buffer | string) => {
      stdin.off('data', onKey);
      stdin.setRawMode?.(false);
      const key = chunk.toString().slice(0, 1).toLowerCase();
      resolve(key === 'd' ? 'detach' : key === 'h' || key === '\x03' ? 'halt' : undefined);
    };
    stdin.setRawMode?.(true);
    stdin.on('data', onKey);
    stdin.resume();
    void say('interrupted: d detaches (the job goes on), h or Ctrl-C halts it, any other key goes on');
  });
}
