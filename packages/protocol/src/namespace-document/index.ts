export {
  checkNamespace,
  formatNamespaceProblem,
  maxNamespaceFileBytes,
  parseNamespaceDocument,
  type CheckedNamespace,
  type NamespaceFileProblem,
  type ParsedNamespaceDocument,
} from './namespace-document.js';
