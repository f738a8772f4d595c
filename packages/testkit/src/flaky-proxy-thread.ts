import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type * as esbuild from 'esbuild';
import type { FlakyProxy, FlakyProxyOptions } from './flaky-proxy.js';
import type { ProxyCall, ProxyMessage } from './flaky-proxy-worker.js';

/** By its name alone, so that it isn't packed into the bundles of benches, which import this package. */
const bundler = 'esbuild';

/** A `FlakyProxy` all of whose answers come later. */
export type FlakyProxyThread = {
  readonly [Method in keyof FlakyProxy]: FlakyProxy[Method] extends (...given: infer Given) => infer Answer
    ? (...given: Given) => Promise<Awaited<Answer>>
    : FlakyProxy[Method];
};

/**
 * A flaky proxy in a thread of its own: for clients that block the test's thread while they wait for their server, as native
 * ones may.
 */
export async function startFlakyProxyThread(options: FlakyProxyOptions): Promise<FlakyProxyThread> {
  const { build } = (await import(/* @vite-ignore */ bundler)) as typeof esbuild;
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL('flaky-proxy-worker.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    logLevel: 'warning',
  });
  const worker = new Worker(bundled.outputFiles[0]!.text, { eval: true, workerData: options });
  const waiting = new Map<number, { resolve: (answer: unknown) => void; reject: (error: unknown) => void }>();
  let calls = 0;
  const port = await new Promise<number>((resolve, reject) => {
    worker.on('error', (error) => {
      reject(error);
      for (const each of waiting.values()) each.reject(error);
    });
    worker.on('message', (message: ProxyMessage) => {
      if ('port' in message) resolve(message.port);
      else waiting.get(message.id)?.resolve(message.answer);
    });
  });
  const call = (method: ProxyCall['method'], given?: unknown) =>
    new Promise<unknown>((resolve, reject) => {
      calls += 1;
      waiting.set(calls, { resolve, reject });
      worker.postMessage({ id: calls, method, given } satisfies ProxyCall);
    });
  const told = async (method: ProxyCall['method'], given?: unknown): Promise<void> => {
    await call(method, given);
  };
  let stopping: Promise<void> | undefined;
  // The thread takes its sockets with it, whatever state they are in.
  const stop = async () => {
    await worker.terminate();
  };
  return {
    port,
    connections: async () => Number(await call('connections')),
    faults: async () => Number(await call('faults')),
    delay: (delays) => told('delay', delays),
    cut: () => told('cut'),
    cutAfter: (bytes) => told('cutAfter', bytes),
    silence: () => told('silence'),
    resume: () => told('resume'),
    refuse: (refuse) => told('refuse', refuse),
    stop: () => (stopping ??= stop()),
  };
}
