import { type ConformanceFixture, type Store, openStore } from '@pogo/store';

let stores = 0;

/** A chroot that no test has used before. */
export function newChroot(): string {
  stores += 1;
  return `/pogo-test/${stores}`;
}

export interface FixtureOptions {
  /** What stands behind the chroot. */
  settings?: string;
  /** What the suite sees of a store. */
  wrap?: (store: Store) => Store;
}

/** New stores for the conformance suite; the n-th handle of each is opened at `addresses(n)`. */
export function zookeeperFixture(
  addresses: (handle: number) => string,
  { settings = '', wrap = (store) => store }: FixtureOptions = {},
): () => Promise<ConformanceFixture> {
  return async () => {
    const chroot = newChroot();
    const handles: Promise<Store>[] = [];
    return {
      openHandle() {
        const handle = openStore(`zookeeper://${addresses(handles.length)}${chroot}${settings}`).then(wrap);
        handles.push(handle);
        return handle;
      },
      async dispose() {
        // One that could not be opened has failed its test already.
        const opened = await Promise.allSettled(handles);
        await Promise.all(opened.map((each) => each.status === 'fulfilled' && each.value.close()));
      },
    };
  };
}
