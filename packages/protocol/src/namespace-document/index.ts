export {
  checkNamespace,
  maxNamespaceFileBytes,
  parseNamespaceDocument,
  type CheckedNamespace,
  type ParsedNamespaceDocument,
} from './namespace-document.js';
