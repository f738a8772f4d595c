import { ManualClock } from '@pogo/lifecycle';
import type { SealedCredentials } from '@pogo/protocol';
import { describe, expect, it } from 'vitest';
import { MemoryVault } from '../src/vault/memory-vault.js';

const sealed = { ciphertext: 'c' } as SealedCredentials;

describe('the vault', () => {
  it('drops what it holds at the end of its lifetime, and tells', () => {
    const clock = new ManualClock();
    const expired: number[] = [];
    const vault = new MemoryVault({ clock, expired: (job) => expired.push(job) });
    vault.put({ job: 1, digest: 'd' }, sealed, 1000);
    clock.advance(999);
    expect(vault.get({ job: 1, digest: 'd' })).toBe(sealed);
    clock.advance(1);
    expect(vault.get({ job: 1, digest: 'd' })).toBeUndefined();
    expect(expired).toEqual([1]);
  });

  it('gives nothing for another digest, and nothing after the job was dropped', () => {
    const clock = new ManualClock();
    const vault = new MemoryVault({ clock, expired: () => expect.unreachable() });
    vault.put({ job: 1, digest: 'd' }, sealed, 1000);
    expect(vault.get({ job: 1, digest: 'other' })).toBeUndefined();
    expect(vault.get({ job: 2, digest: 'd' })).toBeUndefined();
    vault.drop(1);
    vault.drop(1);
    expect(vault.get({ job: 1, digest: 'd' })).toBeUndefined();
    vault.put({ job: 3, digest: 'd' }, sealed, 1000);
    vault.close();
    expect(vault.get({ job: 3, digest: 'd' })).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps what is wanted, and drops the rest with its timers', () => {
    const clock = new ManualClock();
    const vault = new MemoryVault({ clock, expired: () => expect.unreachable() });
    vault.put({ job: 1, digest: 'd' }, sealed, 1000);
    vault.put({ job: 2, digest: 'e' }, sealed, 1000);
    vault.retain(({ job, digest }, { credentials }) => job === 2 && digest === 'e' && credentials === sealed);
    expect(vault.get({ job: 1, digest: 'd' })).toBeUndefined();
    expect(vault.get({ job: 2, digest: 'e' })).toBe(sealed);
    expect(clock.pendingTimers).toBe(1);
  });

  it('tells how long it may keep what it holds, and which entry of the log brought it', () => {
    const clock = new ManualClock();
    const vault = new MemoryVault({ clock, expired: () => undefined });
    const key = { job: 1, digest: 'd' };
    vault.put(key, sealed, 1000);
    clock.advance(400);
    expect(vault.find(key)).toEqual({ credentials: sealed, atMs: undefined, leftMs: 600 });
    vault.mark({ job: 1, digest: 'other' }, 7);
    expect(vault.find(key)?.atMs).toBeUndefined();
    vault.mark(key, 7);
    expect(vault.find(key)?.atMs).toBe(7);
    vault.put(key, sealed, 1000);
    expect(vault.find(key)?.atMs).toBeUndefined();
  });

  it('starts the lifetime anew when a job is given others', () => {
    const clock = new ManualClock();
    const vault = new MemoryVault({ clock, expired: () => undefined });
    vault.put({ job: 1, digest: 'd' }, sealed, 1000);
    clock.advance(900);
    vault.put({ job: 1, digest: 'e' }, sealed, 1000);
    clock.advance(900);
    expect(vault.get({ job: 1, digest: 'e' })).toBe(sealed);
  });
});
