/** What callers are told when a session doesn't do what it should. */
import { StoreError } from '../../store-error.js';

export function unavailable(servers: string, cause: string): StoreError {
  return new StoreError(
    'store-unavailable',
    `ZooKeeper at ${servers} can't be used just now: ${cause}. ` +
      'Check that most of its servers run and can be reached from here; trying again may help',
  );
}

export function refused(servers: string): StoreError {
  return new StoreError(
    'store-refused',
    `ZooKeeper at ${servers} refuses these credentials: check that digestFile holds the USER:PASSWORD with which ` +
      'the nodes below the chroot were made',
  );
}
