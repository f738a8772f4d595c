/** Issues throw-away certificates for tests, in a few lines of DER: no tool and no library needed. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface IssuedCertificate {
  key: string;
  cert: string;
}

export interface SubjectParts {
  commonName: string;
  organizationalUnits?: readonly string[];
}

const oid = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  commonName: [0x55, 0x04, 0x03],
  organizationalUnit: [0x55, 0x04, 0x0b],
  basicConstraints: [0x55, 0x1d, 0x13],
};

function der(tag: number, ...contents: (Uint8Array | readonly number[])[]): Buffer {
  const body = Buffer.concat(contents.map((part) => Buffer.from(part)));
  const length = [];
  if (body.length < 128) length.push(body.length);
  else {
    const bytes = [];
    for (let rest = body.length; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
    length.push(0x80 | bytes.length, ...bytes);
  }
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts);
const name = (subject: SubjectParts) =>
  sequence(
    ...(subject.organizationalUnits ?? []).map((unit) =>
      der(0x31, sequence(der(0x06, oid.organizationalUnit), der(0x0c, Buffer.from(unit)))),
    ),
    der(0x31, sequence(der(0x06, oid.commonName), der(0x0c, Buffer.from(subject.commonName)))),
  );

function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

export class CertificateAuthority {
  readonly #subject: SubjectParts;
  readonly #key: KeyObject;
  readonly certificate: string;

  constructor(commonName: string) {
    this.#subject = { commonName };
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#key = pair.privateKey;
    this.certificate = this.#certify(this.#subject, pair.publicKey, true);
  }

  /** `notAfter` in the past makes an expired one. */
  issue(subject: SubjectParts, options: { notAfter?: Date } = {}): IssuedCertificate {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    return {
      key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      cert: this.#certify(subject, pair.publicKey, false, options.notAfter),
    };
  }

  #certify(subject: SubjectParts, publicKey: KeyObject, authority: boolean, notAfter?: Date): string {
    const dayMs = 86_400_000;
    const now = Date.now();
    const algorithm = sequence(der(0x06, oid.ecdsaWithSha256));
    const constraints = sequence(...(authority ? [der(0x01, [0xff])] : []));
    const body = sequence(
      der(0xa0, der(0x02, [2])),
      der(0x02, [0x01], randomBytes(15)),
      algorithm,
      name(this.#subject),
      sequence(time(new Date(now - 30 * dayMs)), time(notAfter ?? new Date(now + dayMs))),
      name(subject),
      publicKey.export({ type: 'spki', format: 'der' }),
      der(
        0xa3,
        sequence(sequence(der(0x06, oid.basicConstraints), der(0x01, [0xff]), der(0x04, constraints))),
      ),
    );
    const signature = sign(
      'sha256',
      body,
      createPrivateKey(this.#key.export({ type: 'pkcs8', format: 'pem' })),
    );
    return pem('CERTIFICATE', sequence(body, algorithm, der(0x03, [0], signature)));
  }
}

/** What one side's `tls` option takes. */
export function linkTls(
  authority: CertificateAuthority,
  role: string,
  commonName: string,
): { key: string; cert: string; ca: string } {
  const issued = authority.issue({ commonName, organizationalUnits: [role] });
  return { ...issued, ca: authority.certificate };
}
