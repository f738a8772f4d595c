import type { OutcomeState } from './states.js';

/**
 * Stable codes for why an attempt ended as it did. Scripts match on them: a code, once released, keeps its meaning.
 * The sentence says what to do; `{…}` is filled in by the part that saw it happen.
 */
export const reasons = {
  'exit-nonzero': {
    state: 'failed',
    advice: 'The command ran and exited with a non-zero status: see its output.',
  },
  signal: { state: 'failed', advice: 'The command was ended by a signal on the host.' },
  'command-timeout': {
    state: 'timed-out',
    advice:
      'The command ran longer than its time limit and was killed; raise -t/--timeout if that is too short.',
  },
  'halt-kill': { state: 'killed', advice: 'The command was killed because the job was halted with --kill.' },
  'prehook-failed': {
    state: 'failed',
    advice:
      'A hook in /etc/pogo/pre.d on the host said no, so the command never began: see its output; --no-prehooks ' +
      'passes hooks over.',
  },
  'pre-failed': {
    state: 'failed',
    advice: 'What --pre names did not succeed, so the command never began: see its output.',
  },
  'post-failed': {
    state: 'failed',
    advice: 'The command succeeded, but what --post names did not: see its output, and check the host.',
  },
  'posthook-failed': {
    state: 'failed',
    advice:
      'The command succeeded, but a hook in /etc/pogo/post.d on the host did not: see its output, and check the host.',
  },
  'health-failed': {
    state: 'failed',
    advice:
      'The command succeeded, but the host did not get well: see what --health said. Under a limit it counts until ' +
      'a later attempt succeeds, or `pogo release`.',
  },
  'step-timeout': {
    state: 'timed-out',
    advice:
      'A hook, --pre, --post or --health ran longer than the time limit of each step and was killed; raise ' +
      '-t/--timeout if that is too short.',
  },
  'connection-refused': {
    state: 'unreachable',
    advice:
      'Nothing listens there: check that sshd runs on the host and that the port is right (-p, host:port).',
  },
  'stub-stopped': {
    state: 'killed',
    advice: 'The command was killed on the host, and not by a halt: the message says what happened there.',
  },
  'connect-timeout': {
    state: 'unreachable',
    advice: 'The host did not answer in time: check that it is up and that no firewall drops the connection.',
  },
  'no-route': {
    state: 'unreachable',
    advice: 'The worker has no route to the host: check its address, or use a worker that can reach it.',
  },
  dns: {
    state: 'unreachable',
    advice: 'The name does not resolve on the worker: check its spelling and the DNS.',
  },
  'no-socket': {
    state: 'unreachable',
    advice: 'The worker could not open a socket: raise its limit of open files (ulimit -n), or lower --cc.',
  },
  'handshake-timeout': {
    state: 'unreachable',
    advice:
      'The host accepted the connection but said nothing as an SSH server: check what listens on that port.',
  },
  handshake: {
    state: 'unreachable',
    advice: 'The SSH handshake failed: check that an SSH server with a common key exchange listens there.',
  },
  'connection-broken': {
    state: 'unreachable',
    advice: 'The connection broke before the command was handed over, so it never began: try again.',
  },
  'shell-unusable': {
    state: 'unreachable',
    advice: 'Login worked but the account has no usable shell: give it one (chsh), or use another account.',
  },
  'channel-refused': {
    state: 'unreachable',
    advice: 'Login worked but the host refused a session: check ForceCommand, MaxSessions and the account.',
  },
  'host-key-unknown': {
    state: 'auth-failed',
    advice:
      'The host key is not known, so no credential was sent: compare the fingerprint, then add it with ' +
      '--known-hosts or `pogo hostkeys import`.',
  },
  'host-key-changed': {
    state: 'auth-failed',
    advice:
      'The host key is not the one that is known, so no credential was sent: find out why it changed before ' +
      'you replace the known key.',
  },
  'host-key-revoked': {
    state: 'auth-failed',
    advice:
      'The host key is marked as revoked, so no credential was sent: give the host a new key, and make that known.',
  },
  'host-key-unproven': {
    state: 'auth-failed',
    advice:
      'The host key was accepted on first sight only, and passwords are never sent to such a host: add its key ' +
      'with --known-hosts or `pogo hostkeys import`.',
  },
  'password-refused': {
    state: 'auth-failed',
    advice: 'The host refused the password for this account: check both, and whether sshd allows passwords.',
  },
  'key-refused': {
    state: 'auth-failed',
    advice: 'The host refused the key for this account: check its authorized_keys and the identity used.',
  },
  'methods-refused': {
    state: 'auth-failed',
    advice: 'The host refused every method that was tried: check the account, and what sshd allows.',
  },
  'no-common-method': {
    state: 'auth-failed',
    advice: 'The host offers none of the methods that this job allows: change --auth, or what sshd allows.',
  },
  'password-withheld': {
    state: 'auth-failed',
    advice:
      'Not tried: other hosts refused the same password and none accepted it, so it was held back to keep the ' +
      'account from being locked.',
  },
  'credentials-unusable': {
    state: 'auth-failed',
    advice: 'The credentials could not be used: check the key file, its passphrase and its type.',
  },
  'spec-mismatch': {
    state: 'denied',
    advice: 'The order does not match what the client sealed, so nothing was sent: submit the job again.',
  },
  'credentials-expired': {
    state: 'denied',
    advice: 'The sealed credentials are past their lifetime: submit the job again.',
  },
  'not-runnable': {
    state: 'denied',
    advice: 'The command or its settings cannot be handed to a host as they are: see the message.',
  },
  'sudo-password-refused': {
    state: 'auth-failed',
    advice: "sudo refused the password: check it, and that sudoers wants this account's own password.",
  },
  'sudo-password-needed': {
    state: 'auth-failed',
    advice: 'sudo wants a password and none was given: use --password-file, a prompt, or a NOPASSWD rule.',
  },
  'sudo-not-allowed': {
    state: 'denied',
    advice:
      'sudoers on the host does not let this account run the command as that user: change the rule or --run-as.',
  },
  'sudo-missing': {
    state: 'denied',
    advice: 'There is no sudo on the host: install it, or log in as the account that is to run the command.',
  },
  'sudo-requires-tty': {
    state: 'denied',
    advice:
      'sudo on the host wants a terminal (requiretty), which a job has not: exempt this account from it.',
  },
  'sudo-failed': {
    state: 'denied',
    advice: 'sudo did not start the command, so it never began: see the message for what it said.',
  },
  'agent-forwarding-not-allowed': {
    state: 'denied',
    advice:
      'This worker forwards no agent: set allowAgentForwarding in its configuration, or leave --forward-agent out.',
  },
  'attachment-unavailable': {
    state: 'denied',
    advice: "The job's script could not be had on the worker, so nothing was sent: see the message.",
  },
  'upload-failed': {
    state: 'unreachable',
    advice:
      'The script did not arrive whole on the host, so it never ran: check its disk and its permissions.',
  },
  fenced: {
    state: 'denied',
    advice: 'A later attempt has fenced this one off on the host, so it never began: look at the later one.',
  },
  'host-busy': {
    state: 'unreachable',
    advice:
      'Another command of Pogo still runs on the host under this account, so this one never began: try again later.',
  },
  'connection-closed': {
    state: 'killed',
    advice:
      'The connection to the host was gone, so the command was ended there, as the host itself reports.',
  },
  'connection-lost': {
    state: 'unknown',
    advice:
      'The connection broke while the command may have been running: check the host before you run it again.',
  },
  'start-unconfirmed': {
    state: 'unknown',
    advice:
      'The command was handed over, but the host never said that it began: check the host before you run it again.',
  },
  'rexec-lost': {
    state: 'unknown',
    advice: 'The process that ran the command died: check the host before you run it again.',
  },
  'worker-lost': {
    state: 'unknown',
    advice: 'The worker that held this host went away and cannot say what happened: check the host.',
  },
  'kill-unconfirmed': {
    state: 'unknown',
    advice: 'The command was to be killed, but the host did not confirm it: check the host.',
  },
  'stub-protocol': {
    state: 'unknown',
    advice: 'The host sent something that is not ours after the command may have begun: check the host.',
  },
} as const satisfies Record<string, { state: OutcomeState; advice: string }>;

export type ReasonCode = keyof typeof reasons;
export const reasonCodes = Object.keys(reasons) as ReasonCode[];

/** What is known of one output stream of an attempt, without its bytes. */
export interface OutputDigest {
  /** Length of the complete stream in bytes. */
  bytes: number;
  /** Lower-case hex SHA-256 of the complete stream. */
  sha256: string;
}

/** What happens on a host besides the command itself, in this order: hooks are the host's, the rest is the job's. */
export const outcomeSteps = ['prehook', 'pre', 'post', 'posthook', 'health'] as const;
export type OutcomeStep = (typeof outcomeSteps)[number];

/** Whether the command demonstrably never began: the attempt ended in a step that comes before it. */
export function endedBeforeCommand({ state, step }: Pick<Outcome, 'state' | 'step'>): boolean {
  return state !== 'unknown' && (step === 'prehook' || step === 'pre');
}

/** How an attempt ended: the evidence for a terminal host state. */
export interface Outcome {
  state: OutcomeState;
  /** Absent only when the command exited with 0. */
  reason?: ReasonCode | undefined;
  /** One sentence for people: what was seen on this host (account, methods, fingerprints, never a secret). */
  message?: string | undefined;
  exitCode?: number | undefined;
  /** Name with `SIG`, e.g. `SIGKILL`. */
  signal?: string | undefined;
  /** Where it ended, if that was not in the command itself; exit code and signal are that step's. */
  step?: OutcomeStep | undefined;
  /** With `prehook` and `posthook`: the hook's file name, where that can be told. */
  hook?: string | undefined;
  /** Authentication methods that were tried, in order. */
  methodsTried?: readonly string[] | undefined;
  /** From the first connection attempt to the end, in milliseconds. */
  durationMs?: number | undefined;
  stdout?: OutputDigest | undefined;
  stderr?: OutputDigest | undefined;
  /** Bytes of output beyond the worker's limit per host: counted and digested, but not kept. */
  outputCutBytes?: number | undefined;
}
