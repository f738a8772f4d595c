import { expect, vi } from 'vitest';
import type { Scene } from './scene.js';

/** Ends the worker, which is started again with its configuration as it is now, and waits until it takes jobs. */
export async function restartWorker(scene: Scene): Promise<void> {
  const [before] = scene.cluster.pids('worker');
  process.kill(before!, 'SIGTERM');
  await vi.waitFor(() => expect(scene.cluster.pids('worker').some((pid) => pid !== before)).toBe(true), {
    timeout: 30_000,
  });
  await vi.waitFor(async () => expect((await scene.run(['ping'])).exitCode).toBe(0), {
    timeout: 30_000,
    interval: 300,
  });
}
