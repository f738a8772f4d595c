/** What runs in the thread of `startFlakyProxyThread`: does what messages say, and answers each. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FlakyProxy, type FlakyProxyOptions, startFlakyProxy } from './flaky-proxy.js';

/** One call; its number comes back with the answer. */
export interface ProxyCall {
  id: number;
  method: Exclude<keyof FlakyProxy, 'port' | 'stop'>;
  given: unknown;
}

export type ProxyMessage = { port: number } | { id: number; answer: unknown };

function call(proxy: FlakyProxy, { method, given }: ProxyCall): unknown {
  switch (method) {
    case 'delay':
      return proxy.delay(given as { toServerMs?: number; toClientMs?: number });
    case 'cutAfter':
      return proxy.cutAfter(given as number);
    case 'refuse':
      return proxy.refuse(given as boolean);
    default:
      return proxy[method]();
  }
}

async function serve(): Promise<void> {
  const proxy = await startFlakyProxy(workerData as FlakyProxyOptions);
  const post = (message: ProxyMessage) => parentPort?.postMessage(message);
  parentPort?.on('message', (message: ProxyCall) => {
    void Promise.resolve(call(proxy, message)).then((answer) => {
      post({ id: message.id, answer });
    });
  });
  post({ port: proxy.port });
}

void serve();
