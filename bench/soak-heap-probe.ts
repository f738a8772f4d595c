/**
 * Loaded into the daemons of a soak before their own program: writes what V8 says of its heap to a file, now and then. Where
 * someone has put a file `PID.collect`, it collects first, and removes that file once it has told.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const directory = process.env['SOAK_HEAP'];
if (directory !== undefined) {
  const wish = `${directory}/${process.pid}.collect`;
  const tell = () => {
    const isAsked = existsSync(wish);
    if (isAsked) collect();
    const { heapUsed, external } = process.memoryUsage();
    writeFileSync(`${directory}/${process.pid}`, `${heapUsed} ${external}\n`);
    if (isAsked) rmSync(wish);
  };
  setInterval(tell, 5000).unref();
}

function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
