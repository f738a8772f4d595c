import type { ServerHostKeyAlgorithm } from 'ssh2';

/** Algorithms of ssh2's own list, in its order, by the key type that they need. */
const algorithms: readonly (readonly [ServerHostKeyAlgorithm, string])[] = [
  ['ssh-ed25519', 'ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256'],
  ['ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp384'],
  ['ecdsa-sha2-nistp521', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'ssh-rsa'],
  ['rsa-sha2-256', 'ssh-rsa'],
  ['ssh-rsa', 'ssh-rsa'],
];

/**
 * Which host key to ask for: the types that are known first, so that a host with several keys shows one that can be
 * compared; the others behind them, so that a host with none of these shows a fingerprint and not a failed
 * negotiation. Undefined when ssh2's own order does that already.
 */
export function hostKeyOrder(knownTypes: readonly string[]): ServerHostKeyAlgorithm[] | undefined {
  if (knownTypes.length === 0 || knownTypes.includes('ssh-ed25519')) return undefined;
  const isKnown = ([, type]: readonly [string, string]) => knownTypes.includes(type);
  const ordered = [...algorithms.filter(isKnown), ...algorithms.filter((entry) => !isKnown(entry))];
  return ordered.map(([algorithm]) => algorithm);
}
