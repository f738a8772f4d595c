import ssh2 from 'ssh2';

/**
 * An ssh2 client that leaves an OpenSSH server's announcement of its further host keys alone. ssh2 would have it prove
 * every one of them, at each connection: a signature with each key there (RSA's being the dearest thing that the host
 * does for us), a verification here, and nobody reads the result, since host keys come from the seal alone.
 *
 * ssh2 asks only servers whose version it knows as OpenSSH's, and looks at that version for nothing else that we use.
 */
export class QuietClient extends ssh2.Client {
  // The field of ssh2's own; should it ever be renamed, the keys are proven again and nothing else changes.
  protected get _remoteVer(): string {
    return '';
  }

  protected set _remoteVer(_version: string | undefined) {
    // Forgotten.
  }
}
