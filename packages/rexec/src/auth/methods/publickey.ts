import type { AuthMethod } from '../auth-method.js';

/** Keys are read and decrypted here, once per job, and stay in this process. */
export const publickey: AuthMethod = {
  name: 'publickey',
  needs: { identities: true },
  prepare({ identities, openIdentities }) {
    if (identities.length === 0) return { ok: false, message: 'no key came with the job' };
    const { agent, warnings } = openIdentities();
    if (agent.keys.length === 0) return { ok: false, message: warnings.join('; ') };
    return {
      ok: true,
      warnings,
      method: {
        name: 'publickey',
        sshName: 'publickey',
        sendsPassword: false,
        shown: agent.keys.map(({ label, fingerprint }) => `${label} ${fingerprint}`).join(', '),
        action: () => ({ kind: 'keys', agent }),
      },
    };
  },
};
