/** What the network or a peer's certificate did, as clauses for people. */

/** Whether a code of Node's is about the certificate of the other side. */
export function isCertificateError(code: string): boolean {
  return /CERT|UNABLE_TO|SELF_SIGNED|ERR_TLS|ISSUER|DEPTH_ZERO/.test(code);
}

export function networkCause(error: Error & { code?: string }): string {
  const { code = '' } = error;
  switch (code) {
    case 'ECONNREFUSED':
      return 'it refused the connection';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'it closed the connection';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'its name does not resolve';
    case 'ETIMEDOUT':
      return 'it did not answer in time';
    case 'ABORT_ERR':
      return 'the request was given up';
    default:
      return error.message === 'timeout'
        ? 'it did not answer in time'
        : `the connection failed (${code || error.message})`;
  }
}
