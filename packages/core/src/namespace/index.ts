export {
  formatLimit,
  hostsAllowed,
  isNamespaceName,
  type ConcurrencyLimit,
  type EnvironmentConstraints,
  type NamespaceDefinition,
} from './definition.js';
export {
  maxNamespaceProblems,
  type DefinitionPath,
  type NamespaceProblem,
  type NamespaceProblemCode,
  type NamespaceWarning,
} from './problem.js';
export type { EnvironmentValue, Namespace, Slot, Stage } from './namespace.js';
export {
  diffNamespaces,
  type AliasChange,
  type GroupChange,
  type HostChanges,
  type SlotLimitChange,
  type LimitState,
  type NamespaceDifference,
  type OrderChange,
} from './diff.js';
export { membersOf } from './members-of.js';
export { foreignHosts } from './foreign-hosts.js';
export { compileNamespace, type CompiledNamespace } from './compile.js';
