import type { IdentityKey } from '../../identities/key-agent.js';
import { parseIdentity } from '../../identities/parse-identity.js';
import type { AuthMethod } from '../auth-method.js';

/** Keys are read and decrypted here, once per job, and stay in this process. */
export const publickey: AuthMethod = {
  name: 'publickey',
  prepare({ identities }) {
    if (identities.length === 0) return { ok: false, message: 'no key came with the job' };
    const keys: IdentityKey[] = [];
    const warnings: string[] = [];
    for (const identity of identities) {
      const parsed = parseIdentity(identity);
      if (parsed.ok) keys.push(parsed.key);
      else warnings.push(parsed.message);
    }
    if (keys.length === 0) return { ok: false, message: warnings.join('; ') };
    const agent = { keys };
    return {
      ok: true,
      warnings,
      method: {
        name: 'publickey',
        sshName: 'publickey',
        sendsPassword: false,
        shown: keys.map(({ label, fingerprint }) => `${label} ${fingerprint}`).join(', '),
        action: () => ({ kind: 'keys', agent }),
      },
    };
  },
};
