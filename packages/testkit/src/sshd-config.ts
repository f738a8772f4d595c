/** What a person may choose about a test's sshd; the file it makes is sshd_config(5). */
export interface SshdSettings {
  /**
   * The methods that are on. `keyboard-interactive` brings PAM with it, which also answers `password` then.
   * All three by default.
   */
  methods?: readonly ('password' | 'keyboard-interactive' | 'publickey')[];
  /** Whether PAM checks passwords and accounts; without it, `password` reads the shadow file. */
  usePam?: boolean;
  /** Relative to the home of the account. `.ssh/authorized_keys` by default. */
  authorizedKeysFile?: string;
  /** As in sshd_config, for instance `curve25519-sha256`. */
  kexAlgorithms?: string;
  /** How many connections may be in their handshake. */
  maxStartups?: number;
  logLevel?: 'VERBOSE' | 'DEBUG1' | 'DEBUG2';
  /** Any other keywords, for all users. They win over what this file would say. */
  settings?: Readonly<Record<string, string>>;
  /** Keywords for single users, by account name. */
  userSettings?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** sshd_config(5) for these settings. sshd takes the first value that it finds, so the caller's own come first. */
export function sshdConfigText(
  settings: SshdSettings,
  place: { port: number; listenAddresses: readonly string[]; hostKeyFiles: readonly string[] },
): string {
  const { methods = ['publickey', 'password', 'keyboard-interactive'], maxStartups = 1000 } = settings;
  const onOff = (on: boolean) => (on ? 'yes' : 'no');
  const lines = [
    ...Object.entries(settings.settings ?? {}).map(([keyword, value]) => `${keyword} ${value}`),
    `Port ${place.port}`,
    ...place.listenAddresses.map((address) => `ListenAddress ${address}`),
    ...place.hostKeyFiles.map((file) => `HostKey ${file}`),
    `PubkeyAuthentication ${onOff(methods.includes('publickey'))}`,
    `PasswordAuthentication ${onOff(methods.includes('password'))}`,
    `KbdInteractiveAuthentication ${onOff(methods.includes('keyboard-interactive'))}`,
    `UsePAM ${onOff(settings.usePam ?? methods.includes('keyboard-interactive'))}`,
    `AuthorizedKeysFile ${settings.authorizedKeysFile ?? '.ssh/authorized_keys'}`,
    ...(settings.kexAlgorithms === undefined ? [] : [`KexAlgorithms ${settings.kexAlgorithms}`]),
    `MaxStartups ${maxStartups}`,
    `LogLevel ${settings.logLevel ?? 'VERBOSE'}`,
    // Names the process in the two lines that tell who was dialled and who logged in: two connections to different
    // addresses may come from the same port, but not from the same process.
    'LogVerbose *:auth_log():*,sshd*.c:main():*',
    'PidFile none',
    'UseDNS no',
    'PrintMotd no',
    'PrintLastLog no',
    ...Object.entries(settings.userSettings ?? {}).flatMap(([user, keywords]) => [
      `Match User ${user}`,
      ...Object.entries(keywords).map(([keyword, value]) => `    ${keyword} ${value}`),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}
