/** Issues certificates of an instance, and writes what belongs to it, each file new and private. */
import { type CertificateRole, issueCertificate } from './issue-certificate.js';
import { writeNewFile } from './private-files.js';

export interface MakerOptions {
  /** Wall clock, milliseconds since 1970. */
  nowMs: number;
  randomBytes: (count: number) => Uint8Array;
}

/** Who a certificate is for. */
export interface CertificateHolder {
  name: string;
  role: CertificateRole;
  /** DNS names and IP addresses of a server. */
  hosts?: { dns: string[]; addresses: string[] };
}

/** PEM of a root and of its key. */
export interface Issuer {
  certificate: string;
  privateKey: string;
}

/** Ten years: nothing rotates them yet. */
const validityMs = 3653 * 86_400_000;
/** Clocks of other machines may be behind (T3). */
const toleranceMs = 5 * 60_000;

export class InstanceMaker {
  /** Files so far. */
  written = 0;
  readonly #options: MakerOptions;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /** PEM; without an issuer it signs itself. */
  issue({ name, role, hosts }: CertificateHolder, privateKey: string, issuer: Issuer | undefined): string {
    const { nowMs, randomBytes } = this.#options;
    return issueCertificate({
      name,
      role,
      privateKey,
      ...(issuer && { issuer }),
      ...(hosts && { hosts }),
      notBeforeMs: nowMs - toleranceMs,
      notAfterMs: nowMs + validityMs,
      serial: randomBytes(16),
    });
  }

  /** Rejects with FileRefused when the file is there. */
  async write(path: string, content: string): Promise<void> {
    const temporaryName = Buffer.from(this.#options.randomBytes(6)).toString('hex');
    await writeNewFile(path, content, { mode: 0o600, temporaryName });
    this.written++;
  }
}
