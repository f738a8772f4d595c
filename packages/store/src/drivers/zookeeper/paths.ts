/**
 * Where things are, below the chroot:
 *
 *     format                               what this is, in which version; written last
 *     log/NAMESPACE/pointer                floor and snapshot; its version in ZooKeeper is the pointer's
 *     log/NAMESPACE/entries/INDEX          a batch, made once and never written again
 *     documents/FOLDER/…/NAME~             a document; folders are containers, which the servers remove when empty
 *     leadership/NAME/candidate-ID-NUMBER  who would lead, ephemeral, numbered by the servers in the order of arrival
 */
const indexDigits = 16;

export class Paths {
  readonly root: string;

  /** @param chroot begins with a slash, ends without one; empty for the whole ensemble. */
  constructor(chroot: string) {
    this.root = chroot;
  }

  get format(): string {
    return `${this.root}/format`;
  }

  /** What every store has, from the start on. */
  get folders(): string[] {
    return [`${this.root}/log`, this.documents, `${this.root}/leadership`];
  }

  get documents(): string {
    return `${this.root}/documents`;
  }

  namespace(namespace: string): string {
    return `${this.root}/log/${namespace}`;
  }

  pointer(namespace: string): string {
    return `${this.namespace(namespace)}/pointer`;
  }

  entries(namespace: string): string {
    return `${this.namespace(namespace)}/entries`;
  }

  entry(namespace: string, index: number): string {
    return `${this.entries(namespace)}/${String(index).padStart(indexDigits, '0')}`;
  }

  document(key: string): string {
    return `${this.documents}/${key}${documentMark}`;
  }

  /** @param prefix empty, or ending in a slash. */
  documentFolder(prefix: string): string {
    return prefix === '' ? this.documents : `${this.documents}/${prefix.slice(0, -1)}`;
  }

  election(name: string): string {
    return `${this.root}/leadership/${name}`;
  }
}

/** Ends the name of a document's node, and no folder's: a key may also be another's folder. */
export const documentMark = '~';

/** The folders above a node, the outermost first, from below `root` on. */
export function foldersAbove(root: string, path: string): string[] {
  const segments = path.slice(root.length + 1).split('/');
  return segments.slice(0, -1).map((_, at) => `${root}/${segments.slice(0, at + 1).join('/')}`);
}
