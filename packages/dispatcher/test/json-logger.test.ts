import { closeSync, openSync } from 'node:fs';
import { it } from 'vitest';
import { jsonLogger } from '../src/json-logger.js';

it('a dispatcher whose log can’t be written goes on', async () => {
  const full = openSync('/dev/full', 'w');
  try {
    const logger = jsonLogger({ level: 'info', fileDescriptor: full });
    for (let line = 0; line < 10_000; line++)
      logger.info({ line, text: 'x'.repeat(1000) }, 'something happened');
    // What the stream had to say about that would be an uncaught error by then.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    closeSync(full);
  }
});
