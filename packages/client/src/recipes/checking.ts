import type { FileProblem, TextPlace } from '@pogo/protocol';

/** Most problems of a cookbook that are told of. */
export const maxCookbookProblems = 20;

/** Where something stands in a cookbook. */
export type CookbookPath = readonly (string | number)[];

/** One check of a cookbook: finds places, and gathers problems. */
export class Checking {
  readonly problems: FileProblem[] = [];
  /** Whether the cookbook may name files of this machine. */
  readonly isLocal: boolean;
  readonly #file: string;
  readonly #place: (path: CookbookPath, at: 'key' | 'value', offset?: number) => TextPlace;

  constructor(options: {
    readonly file: string;
    readonly isLocal: boolean;
    readonly place: (path: CookbookPath, at: 'key' | 'value', offset?: number) => TextPlace;
  }) {
    this.isLocal = options.isLocal;
    this.#file = options.file;
    this.#place = options.place;
  }

  /** Nothing more needs to be looked at. */
  get isFull(): boolean {
    return this.problems.length >= maxCookbookProblems;
  }

  valuePlace(path: CookbookPath): TextPlace {
    return this.#place(path, 'value');
  }

  /** Something is wrong with the value there, in its text from an offset on. */
  value(path: CookbookPath, code: string, message: string, offset?: number): void {
    this.#add(this.#place(path, 'value', offset), code, message);
  }

  key(path: CookbookPath, code: string, message: string): void {
    this.#add(this.#place(path, 'key'), code, message);
  }

  #add(place: TextPlace, code: string, message: string): void {
    if (this.isFull) return;
    const harmless = message.replace(/[^\x20-\x7e…]/g, '?');
    this.problems.push({ file: this.#file, ...place, code, message: harmless });
  }
}
