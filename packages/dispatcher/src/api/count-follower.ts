import type { Metrics } from '../metrics/metrics.js';

/** Shows a stream in the metrics for as long as it is read; `over` is called behind its end. */
export async function* countFollower<T>(
  metrics: Metrics,
  kind: 'events' | 'output',
  stream: AsyncGenerator<T>,
  over?: () => void,
): AsyncGenerator<T> {
  metrics.followers.inc({ kind });
  try {
    yield* stream;
  } finally {
    metrics.followers.dec({ kind });
    over?.();
  }
}
