export { type Account, type AccountOptions, createAccount } from './account.js';
export {
  type Key,
  type KeyFormat,
  type KeyOptions,
  type KeyType,
  createKey,
  createKeyWithoutOpenSsh,
} from './key.js';
export { type KnownHostsOptions, knownHostsText, writeKnownHosts } from './known-hosts.js';
export {
  type NetworkNamespace,
  createNetworkNamespace,
  inNetworkNamespace,
  networkNamespaceObstacle,
} from './network-namespace.js';
export {
  type ProcessEntry,
  descendantsOf,
  endProcesses,
  markedProcesses,
  processTable,
  signalProcesses,
} from './process-table.js';
export { type Place, type RoutedNetwork, type Sides, createRoutedNetwork } from './routed-network.js';
export { keyFingerprint } from './public-key.js';
export { isRoot } from './root.js';
export { type CommandOptions, type CommandResult, mustRun, runCommand } from './run-command.js';
export { loopbackAddress } from './loopback-address.js';
export { type PamService, createPamService } from './pam-service.js';
export { type SudoRules, addSudoRules } from './sudo-rules.js';
export { type Sshd, type SshdOptions, startSshd } from './sshd.js';
export { type SshdSettings } from './sshd-config.js';
export { type AuthAttempt, type SshdConnection, parseAuthAttempts, parseConnections } from './sshd-log.js';
export { type TemporaryDirectory, createTemporaryDirectory } from './temporary-directory.js';
export {
  type CommandEnd,
  type CommandExecution,
  type CommandExecutor,
  type CommandRequest,
} from './command-execution.js';
export { type LocalShellOptions, localShell } from './local-shell.js';
export {
  type PracticeAddress,
  type PracticeHost,
  type PracticeHostOptions,
  startPracticeHost,
} from './practice-host.js';
export {
  type ScriptedHosts,
  type ScriptedHostsOptions,
  type ScriptedMeeting,
  startScriptedHosts,
} from './scripted-hosts.js';
export { type ScriptedAct, type ScriptedCommand, scriptedOutput } from './scripted-hosts-stub.js';
export { type PracticeAuthAttempt, type PracticeCredentials } from './practice-login.js';
export { type LeakTracker, type LeakTrackerOptions, trackLeaks } from './leak-tracker.js';
export { type OddHost, type OddHostOptions, type Oddity, refusedPort, startOddHost } from './odd-hosts.js';
export {
  type Cluster,
  type ClusterCommandOptions,
  type ClusterOptions,
  type ClusterProcess,
  type ClusterRole,
  builtCli,
  startCluster,
} from './cluster.js';
export { type FuzzAnswer, type FuzzOptions, type FuzzReport, fuzz } from './fuzz.js';
export { problemFault, type ToldProblem } from './problem-fault.js';
export { type Json, type MutationSource, mutateBytes, mutateJson, mutateText } from './mutations.js';
export { SeededRandom } from './seeded-random.js';
export {
  type ConnectionFate,
  type FateOdds,
  type FlakyProxy,
  type FlakyProxyOptions,
  startFlakyProxy,
} from './flaky-proxy.js';
export { freePorts } from './free-ports.js';
export {
  type ZooKeeperEnsemble,
  type ZooKeeperMode,
  type ZooKeeperOptions,
  type ZooKeeperServer,
  startZooKeeper,
} from './zookeeper.js';
export { type NodeChange, TransactionReader } from './zookeeper-transactions.js';
export { type Fleet, type FleetDispatcher, type FleetOptions, type FleetPart, startFleet } from './fleet.js';
