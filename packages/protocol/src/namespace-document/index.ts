export {
  checkNamespace,
  foreignHostProblems,
  maxNamespaceFileBytes,
  parseNamespaceDocument,
  type CheckedNamespace,
  type ParsedNamespaceDocument,
} from './namespace-document.js';
export {
  readInventories,
  type DeclaredInventory,
  type Expanded,
  type InventoryGroup,
  type InventorySource,
  type ReadInventories,
} from './inventories.js';
