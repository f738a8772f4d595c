import { join } from 'node:path';

/** Every file that `pogo up` and the client keep, below one directory. Private files are 0600, directories 0700. */
export interface HomeLayout {
  home: string;
  client: { dir: string; profile: string; token: string; importedHostKeys: string };
  /** Roots; the sealing root's key belongs to the admin, `pogo up` keeps all of it on one machine and says so. */
  instance: {
    dir: string;
    linkRootKey: string;
    linkRootCertificate: string;
    sealingRootKey: string;
    sealingRootCertificate: string;
  };
  dispatcher: {
    dir: string;
    config: string;
    linkKey: string;
    linkCertificate: string;
    store: string;
    /** Scripts that came with jobs, for as long as those are listed. */
    attachments: string;
    log: string;
  };
  worker: {
    dir: string;
    config: string;
    linkKey: string;
    linkCertificate: string;
    /** Opened by rexec alone. */
    sealingKey: string;
    sealingCertificate: string;
    /** Host keys of this worker, its accept-new record included, in known_hosts format. */
    knownHosts: string;
    spool: string;
    journal: string;
    /** Scripts that came with jobs, for as long as those run. */
    attachments: string;
    log: string;
  };
  /** Holds the process id of a running `pogo up`. */
  upLock: string;
}

export function homeLayout(home: string): HomeLayout {
  const at = (...parts: string[]) => join(home, ...parts);
  return {
    home,
    client: {
      dir: at('client'),
      profile: at('client', 'profile.json'),
      token: at('client', 'token'),
      importedHostKeys: at('client', 'known_hosts'),
    },
    instance: {
      dir: at('instance'),
      linkRootKey: at('instance', 'link-root.key'),
      linkRootCertificate: at('instance', 'link-root.crt'),
      sealingRootKey: at('instance', 'sealing-root.key'),
      sealingRootCertificate: at('instance', 'sealing-root.crt'),
    },
    dispatcher: {
      dir: at('dispatcher'),
      config: at('dispatcher', 'config.yaml'),
      linkKey: at('dispatcher', 'link.key'),
      linkCertificate: at('dispatcher', 'link.crt'),
      store: at('dispatcher', 'store'),
      attachments: at('dispatcher', 'attachments'),
      log: at('dispatcher', 'dispatcher.log'),
    },
    worker: {
      dir: at('worker'),
      config: at('worker', 'config.yaml'),
      linkKey: at('worker', 'link.key'),
      linkCertificate: at('worker', 'link.crt'),
      sealingKey: at('worker', 'sealing.key'),
      sealingCertificate: at('worker', 'sealing.crt'),
      knownHosts: at('worker', 'known_hosts'),
      spool: at('worker', 'spool'),
      journal: at('worker', 'journal'),
      attachments: at('worker', 'attachments'),
      log: at('worker', 'worker.log'),
    },
    upLock: at('up.lock'),
  };
}
