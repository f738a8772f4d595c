/** Loaded into the daemons of a soak before their own program: writes what V8 says of its heap to a file, now and then. */
import { writeFileSync } from 'node:fs';

const directory = process.env['SOAK_HEAP'];
if (directory !== undefined) {
  const tell = () => {
    const { heapUsed, external } = process.memoryUsage();
    writeFileSync(`${directory}/${process.pid}`, `${heapUsed} ${external}\n`);
  };
  setInterval(tell, 5000).unref();
}
