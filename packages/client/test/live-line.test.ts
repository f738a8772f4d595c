import { Writable } from 'node:stream';
import { ManualClock } from '@pogo/lifecycle';
import { describe, expect, it } from 'vitest';
import type { OutputStream } from '../src/environment.js';
import { LiveLine } from '../src/render/live-line.js';
import { Writer } from '../src/render/writer.js';

function liveLine(columns = 40) {
  const clock = new ManualClock();
  let written = '';
  const stream: OutputStream = Object.assign(
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        written += chunk.toString();
        done();
      },
    }),
    { columns, isTTY: true },
  );
  const state = { text: 'zero' };
  const line = new LiveLine({ clock, writer: new Writer(stream), stream, text: () => state.text });
  return { clock, line, state, take: () => written.replaceAll('\r\x1b[K', '<clear>') };
}

describe('the live line', () => {
  it('is drawn once for many changes in a short time, as it is at the end of it', () => {
    const { clock, line, state, take } = liveLine();
    for (const text of ['one', 'two', 'three']) {
      state.text = text;
      line.update();
    }
    clock.advance(100);
    expect(take()).toBe('<clear>three');
  });

  it('makes room for what is written above it, and comes back', async () => {
    const { clock, line, take } = liveLine();
    line.update();
    clock.advance(100);
    await line.aside(async () => undefined);
    clock.advance(100);
    expect(take()).toBe('<clear>zero<clear><clear>zero');
  });

  it('never wraps', () => {
    const { clock, line, state, take } = liveLine(30);
    state.text = 'x'.repeat(100);
    line.update();
    clock.advance(100);
    expect(take().replace('<clear>', '')).toHaveLength(29);
  });

  it('leaves nothing behind when it stops: no text, no timer', async () => {
    const { clock, line, take } = liveLine();
    line.update();
    clock.advance(100);
    line.update();
    await line.stop();
    line.update();
    expect(clock.pendingTimers).toBe(0);
    expect(take()).toBe('<clear>zero<clear>');
  });
});
