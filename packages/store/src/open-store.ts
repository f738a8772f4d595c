import { EmbeddedBacking } from './drivers/embedded/embedded-backing.js';
import { MemoryBacking } from './drivers/memory/memory-backing.js';
import { openZooKeeper } from './drivers/zookeeper/open-zookeeper.js';
import type { Store } from './store.js';
import { StoreError } from './store-error.js';

/**
 * Opens the store that `url` names: `memory:` (a new, empty one), `embedded:DIRECTORY` (made when it isn't there; no other
 * process may have it open), or `zookeeper://HOST:PORT,…/CHROOT?SETTINGS` (docs/STORE.md; several processes may). Rejects
 * with a {@link StoreError}.
 */
export async function openStore(url: string): Promise<Store> {
  const colon = url.indexOf(':');
  const driver = colon === -1 ? url : url.slice(0, colon);
  const location = colon === -1 ? '' : url.slice(colon + 1);
  switch (driver) {
    case 'memory':
      if (location !== '') throw unsupported('memory: takes no location');
      return new MemoryBacking().openHandle();
    case 'embedded': {
      if (location === '') throw unsupported('embedded: needs a directory');
      const backing = await EmbeddedBacking.open({ directory: location });
      return backing.openSoleHandle();
    }
    case 'zookeeper':
      return openZooKeeper({ url: location });
    default:
      throw unsupported(`there is no store driver called ${JSON.stringify(driver)}`);
  }
}

function unsupported(cause: string): StoreError {
  return new StoreError(
    'store-unsupported',
    `can't open the store: ${cause}. Use memory:, embedded:DIRECTORY or zookeeper://HOST:PORT,…/CHROOT.`,
  );
}
