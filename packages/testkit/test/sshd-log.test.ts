import { parseAuthAttempts, parseConnections } from '@pogo/testkit';
import { describe, expect, it } from 'vitest';

const log = (...lines: string[]) => lines.map((line) => `${line}\r\n`).join('');

describe('the log of sshd', () => {
  it('is read for every method and result', () => {
    const text = log(
      'Server listening on 0.0.0.0 port 2222.',
      'Connection from 127.0.0.1 port 5000 on 127.0.1.9 port 2222 rdomain ""',
      'Failed none for root from 127.0.0.1 port 5000 ssh2',
      'Failed publickey for root from 127.0.0.1 port 5000 ssh2: ED25519 SHA256:abc+/',
      'Postponed keyboard-interactive for root from 127.0.0.1 port 5000 ssh2',
      'Failed keyboard-interactive/pam for root from 127.0.0.1 port 5000 ssh2',
      'Failed password for invalid user x from ::1 port 5001 ssh2',
      'Accepted publickey for root from 127.0.0.1 port 5000 ssh2: RSA SHA256:def',
      'Disconnected from user root 127.0.0.1 port 5000',
    );
    const from = { address: '127.0.0.1', port: 5000 };
    const to = { address: '127.0.1.9', port: 2222 };
    const by = { user: 'root', invalidUser: false, from, to, keyFingerprint: undefined };
    expect(parseConnections(text)).toEqual([{ from, to }]);
    expect(parseAuthAttempts(text)).toEqual([
      { ...by, method: 'none', result: 'failed' },
      { ...by, method: 'publickey', result: 'failed', keyFingerprint: 'SHA256:abc+/' },
      { ...by, method: 'keyboard-interactive', result: 'postponed' },
      { ...by, method: 'keyboard-interactive', result: 'failed' },
      {
        method: 'password',
        user: 'x',
        invalidUser: true,
        result: 'failed',
        from: { address: '::1', port: 5001 },
        to: undefined,
        keyFingerprint: undefined,
      },
      { ...by, method: 'publickey', result: 'accepted', keyFingerprint: 'SHA256:def' },
    ]);
  });

  it('keeps two connections from one port apart by their process', () => {
    const text = log(
      'sshd.c:main():2292 (pid=11): Connection from 127.0.0.1 port 5000 on 127.0.1.1 port 2222 rdomain ""',
      'sshd-session.c:main():1200 (bin=sshd-session, pid=12): Connection from 127.0.0.1 port 5000 on 127.0.1.2 port 2222',
      'auth.c:auth_log():298 (pid=11): Accepted password for one from 127.0.0.1 port 5000 ssh2',
      'debug1: auth.c:auth_log():298 (bin=sshd-session, pid=12): Failed password for two from 127.0.0.1 port 5000 ssh2',
    );
    expect(parseAuthAttempts(text).map(({ user, to }) => [user, to?.address])).toEqual([
      ['one', '127.0.1.1'],
      ['two', '127.0.1.2'],
    ]);
  });
});
