export { formatTarget, hostKey, isHost, isTargetUser, maxHostLength, type Target } from './target.js';
export { explainTargetError, type TargetError, type TargetErrorCode } from './target-error.js';
export { filesNeeded, type TargetExpression } from './expression.js';
export { maxExpressionLength, parseTargets, type ParsedTargets } from './parse.js';
export {
  defaultTargetLimit,
  excludeTargets,
  expandTargets,
  resolveTargets,
  targetLines,
  type ExpandedTargets,
  type TargetSources,
} from './expand.js';
export { foldTargets, HostFolder } from './fold.js';
export { foldForPeople } from './fold-for-people.js';
export type { GroupSource } from './operand-resolver.js';
