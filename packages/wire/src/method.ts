/**
 * What a schema of `@pogo/protocol` looks like from here: only parsing. Keeps this package independent of the schema
 * library's version.
 */
export interface Schema<T> {
  parse(value: unknown): T;
  safeParse(value: unknown): { success: true; data: unknown } | { success: false; error: SchemaError };
}

interface SchemaError {
  issues: readonly { path: readonly PropertyKey[]; message: string }[];
}

/** One JSON-RPC method as served: parameters are parsed before anything else happens. */
export interface Method {
  /** @throws {MethodError} with code `invalid-params` when they don't fit; what `handle` throws otherwise. */
  serve(params: unknown): unknown;
}

/** An expected refusal of a call: the caller sees code and message. Everything else that is thrown becomes `internal`. */
export class MethodError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'MethodError';
    this.code = code;
  }
}

/** Builds a {@link Method} whose handler gets parsed parameters. */
export function method<P>(params: Schema<P>, handle: (params: P) => unknown): Method {
  return {
    serve(value) {
      const parsed = params.safeParse(value);
      if (!parsed.success) throw new MethodError('invalid-params', describeIssues(parsed.error));
      return handle(parsed.data as P);
    },
  };
}

/** Paths and messages, never the offending values: they may be anything. */
export function describeIssues(error: SchemaError): string {
  const shown = error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map(String).join('.');
    return path === '' ? issue.message : `${path}: ${issue.message}`;
  });
  const hidden = error.issues.length - shown.length;
  return shown.join('; ') + (hidden > 0 ? `; and ${hidden} more` : '');
}
