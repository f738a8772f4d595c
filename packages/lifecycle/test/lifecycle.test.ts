import { backoffDelayMs, delay, ManualClock, ServiceState, systemClock } from '@pogo/lifecycle';
import { describe, expect, it } from 'vitest';

describe('a manual clock', () => {
  it('fires timers in order of their time, those set on the way included', () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push('b'));
    clock.setTimer(10, () => {
      fired.push('a');
      clock.setTimer(5, () => fired.push('a2'));
    });
    clock.setTimer(20, () => fired.push('c'));
    clock.setTimer(30, () => fired.push('later')).cancel();
    clock.advance(25);
    expect(fired).toEqual(['a', 'a2', 'b', 'c']);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('delay', () => {
  it('resolves to true after its time, to false when it is aborted, and leaves no timer', async () => {
    const clock = new ManualClock();
    const whole = delay(clock, 100);
    clock.advance(100);
    expect(await whole).toBe(true);
    const aborter = new AbortController();
    const cut = delay(clock, 100, aborter.signal);
    aborter.abort();
    expect(await cut).toBe(false);
    expect(await delay(clock, 100, aborter.signal)).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('backoff', () => {
  it('grows to its limit, and spreads between half and all of it', () => {
    const options = { firstMs: 100, maxMs: 1000 };
    expect(backoffDelayMs(options, 0, 0)).toBe(50);
    expect(backoffDelayMs(options, 0, 0.999)).toBeCloseTo(99.95);
    expect(backoffDelayMs(options, 2, 0)).toBe(200);
    expect(backoffDelayMs(options, 50, 0)).toBe(500);
  });
});

describe('the service contract', () => {
  it('runs start and stop once, whoever calls how often', async () => {
    const state = new ServiceState();
    let starts = 0;
    let stops = 0;
    const run = () => Promise.resolve(void starts++);
    const end = () => Promise.resolve(void stops++);
    await Promise.all([state.start(run), state.start(run)]);
    await Promise.all([state.stop(end), state.stop(end)]);
    expect([starts, stops]).toEqual([1, 1]);
    expect(state.signal.aborted).toBe(true);
    await expect(state.start(run)).rejects.toThrow('cannot be started again');
  });

  it('stops also when it was never started, and after a start that failed', async () => {
    const idle = new ServiceState();
    await idle.stop(() => Promise.resolve());
    const failing = new ServiceState();
    await expect(failing.start(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await failing.stop(() => Promise.resolve());
    expect(failing.stopping).toBe(true);
  });
});

describe('the system clock', () => {
  it('fires and cancels real timers', async () => {
    const cancelled = systemClock.setTimer(0, () => {
      throw new Error('was cancelled');
    });
    cancelled.cancel();
    const before = systemClock.monotonicMs();
    await new Promise<void>((resolve) => systemClock.setTimer(1, resolve));
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
  });
});
