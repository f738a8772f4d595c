import { expect, it } from 'vitest';
import { replayCommand, simulate } from '../src/index.js';

it('a seed happens again exactly', async () => {
  for (const seed of [1, 2, 3, 5, 8, 13, 21, 34, 55, 89]) {
    const once = await simulate({ seed });
    const again = await simulate({ seed });
    expect(again.digest, `seed ${seed}`).toBe(once.digest);
    expect(again.events).toBe(once.events);
  }
});

it('a seed that is printed happens as one that is not', async () => {
  const lines: string[] = [];
  const printed = await simulate({ seed: 7, print: (line) => lines.push(line) });
  expect(printed.digest).toBe((await simulate({ seed: 7 })).digest);
  expect(lines.length).toBeGreaterThan(20);
});

it('other seeds are other histories', async () => {
  const digests = new Set<string>();
  for (const seed of [1, 2, 3, 4, 5]) digests.add((await simulate({ seed })).digest);
  expect(digests.size).toBe(5);
});

it('a seed names the command that shows it again', () => {
  expect(replayCommand({ seed: 7, hosts: 2, bug: 'double-dispatch' })).toBe(
    'npm run simulate -- --seed 7 --hosts 2 --bug double-dispatch --trace',
  );
});
