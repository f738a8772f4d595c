import { createHash } from 'node:crypto';

/** `SHA256:…` of a public key line, as ssh-keygen shows it. */
export function keyFingerprint(publicLine: string): string {
  const blob = Buffer.from(publicLine.trim().split(/\s+/)[1] ?? '', 'base64');
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** Type and base64 of a public key line, without options and comment. */
export function bareKey(publicLine: string): string {
  return publicLine.trim().split(/\s+/).slice(0, 2).join(' ');
}
