/**
 * Answers what comes over a forwarded agent connection (draft-ietf-sshm-ssh-agent).
 *
 * 1. Keys are listed and used for signatures; every other request, those that OpenSSH sends by itself included
 *    (`session-bind@openssh.com`), gets a plain failure, and the connection goes on.
 * 2. Nothing of a private key is in an answer.
 * 3. A message is at most {@link maximumMessageBytes}; a longer one ends the connection.
 */
import { publicKeyText } from '@pogo/protocol';
import type { IdentityKey, KeyAgent } from './key-agent.js';
import { integer, SshReader, strings } from './ssh-strings.js';

export const maximumMessageBytes = 256 * 1024;

const request = { list: 11, sign: 13 } as const;
const answer = { failure: 5, identities: 12, signature: 14 } as const;
const rsaSha256 = 2;
const rsaSha512 = 4;

/** The answer to one message, both without their lengths. */
export function answerAgentRequest(agent: KeyAgent, message: Buffer): Buffer {
  switch (message[0]) {
    case request.list:
      return listed(agent);
    case request.sign:
      return signed(agent, message.subarray(1)) ?? Buffer.of(answer.failure);
    default:
      return Buffer.of(answer.failure);
  }
}

function listed({ keys }: KeyAgent): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(keys.length);
  return Buffer.concat([
    Buffer.of(answer.identities),
    count,
    ...keys.map((key) => strings(blobOf(key), Buffer.from(key.label))),
  ]);
}

function signed({ keys }: KeyAgent, bytes: Buffer): Buffer | undefined {
  const reader = new SshReader(bytes);
  const blob = reader.string();
  const data = reader.string();
  const flags = reader.uint32();
  if (blob === undefined || data === undefined || flags === undefined) return undefined;
  const wanted = publicKeyText(blob);
  const key = keys.find(({ publicKey }) => publicKey === wanted);
  if (key === undefined) return undefined;
  const signature = signWith(key, data, flags);
  return Buffer.concat([Buffer.of(answer.signature), strings(signature)]);
}

/** Algorithm and signature as SSH writes them (RFC 8332, RFC 5656 3.1.2). */
function signWith(key: IdentityKey, data: Buffer, flags: number): Buffer {
  const type = key.publicKey.slice(0, key.publicKey.indexOf(' '));
  if (type === 'ssh-rsa') {
    // Without a flag SHA-1 is meant: pam_ssh_agent_auth knows nothing newer.
    const [name, hash] =
      (flags & rsaSha512) !== 0
        ? (['rsa-sha2-512', 'sha512'] as const)
        : (flags & rsaSha256) !== 0
          ? (['rsa-sha2-256', 'sha256'] as const)
          : (['ssh-rsa', 'sha1'] as const);
    return strings(Buffer.from(name), key.sign(data, hash));
  }
  const bare = key.sign(data, undefined);
  return strings(Buffer.from(type), type.startsWith('ecdsa-') ? ecdsaFromDer(bare) : bare);
}

/** The two integers of `SEQUENCE { INTEGER r, INTEGER s }`; at most 139 bytes, so its length has one byte or two. */
function ecdsaFromDer(der: Buffer): Buffer {
  let position = (der[1] ?? 0) & 0x80 ? 3 : 2;
  const next = () => {
    const length = der[position + 1] ?? 0;
    position += 2 + length;
    return integer(der.subarray(position - length, position));
  };
  const r = next();
  return strings(r, next());
}

function blobOf({ publicKey }: IdentityKey): Buffer {
  return Buffer.from(publicKey.slice(publicKey.indexOf(' ') + 1), 'base64');
}
