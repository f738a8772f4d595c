import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The daemons' bundles: in this repository each in its own package, installed from packages beside this one. */
export function daemonProgram(name: 'dispatcher' | 'worker', ownProgram: string): string | undefined {
  const here = dirname(realpathSync(ownProgram));
  const file = `pogo-${name}.js`;
  const places = [
    join(here, file),
    join(here, '..', '..', name, 'dist', file),
    join(here, '..', '..', '..', '@pogo', name, 'dist', file),
  ];
  return places.find((path) => existsSync(path));
}
