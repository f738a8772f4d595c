/**
 * Loaded into the daemons of a soak before their own program: writes what V8 says of its heap to a file, now and then. Where
 * someone has put a file `PID.collect`, it collects first, and removes that file once it has told.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const directory = process.env['SOAK_HEAP'];
if (directory !== undefined) {
  const wish = `${directory}/${process.pid}.collect`;
  const tell = () => {
    const isAsked = existsSync(wish);
    if (isAsked) collect();
    const { heapUsed, external } = process.memoryUsage();
    // Physical: what of its pages is there. An emptied semi-space isn't in use, and is still memory.
    let [young, old] = [0, 0];
    for (const { space_name, physical_space_size } of getHeapSpaceStatistics())
      if (space_name.startsWith('new_')) young += physical_space_size;
      else old += physical_space_size;
    writeFileSync(`${directory}/${process.pid}`, `${[heapUsed, young, old, external].join(' ')}\n`);
    if (isAsked) rmSync(wish);
  };
  setInterval(tell, 5000).unref();
}

function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
