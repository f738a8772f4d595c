import type { Log, Store } from '@pogo/store';

/**
 * A handle whose owner does what the contract asks of it: an append in doubt is repeated at the same index, with the same
 * id, until there is an answer (L3).
 */
export function persistent(store: Store): Store {
  const underWay = new Set<Promise<unknown>>();
  return {
    log(namespace): Log {
      const log = store.log(namespace);
      return {
        append(index, batch) {
          const answer = (async () => {
            for (;;) {
              const outcome = await log.append(index, batch);
              if (outcome.kind !== 'doubt') return outcome;
            }
          })();
          underWay.add(answer);
          void answer.finally(() => underWay.delete(answer)).catch(() => undefined);
          return answer;
        },
        read: (from, limit) => log.read(from, limit),
        follow: (from, signal) => log.follow(from, signal),
        pointer: () => log.pointer(),
        prune: (request) => log.prune(request),
      };
    },
    documents: store.documents,
    leadership: store.leadership,
    describe: () => store.describe(),
    async close() {
      await Promise.allSettled(underWay);
      await store.close();
    },
  };
}
