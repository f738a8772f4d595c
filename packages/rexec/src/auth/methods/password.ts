import type { AuthMethod } from '../auth-method.js';

export const password: AuthMethod = {
  name: 'password',
  needs: { password: true },
  prepare({ password: secret }) {
    if (secret === undefined) return { ok: false, message: 'no password came with the job' };
    return {
      ok: true,
      warnings: [],
      method: {
        name: 'password',
        sshName: 'password',
        sendsPassword: true,
        shown: '',
        action: () => ({ kind: 'password', password: secret }),
      },
    };
  },
};
