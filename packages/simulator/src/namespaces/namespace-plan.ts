/**
 * A version of the namespace's file as a scenario has it: the definition that the checker reads, and the text that a
 * dispatcher is given. Hosts are numbers here: host 3 is `h3`.
 */

/** `'25%'`, or a count. */
export type LimitPlan = number | `${number}%`;

export interface NamespacePlan {
  /** Counts from 1 within a scenario; the text says it too, so that what is stored tells which one it is. */
  number: number;
  /** Hosts by app; none is empty. */
  apps: Record<string, readonly number[]>;
  /** Hosts by environment type and value; none is empty. */
  envs: Record<string, Record<string, readonly number[]>>;
  /** By environment type and app. */
  limits: Record<string, Record<string, LimitPlan>>;
  /** By environment type: in each list an app comes before those behind it. */
  sequences: Record<string, readonly (readonly string[])[]>;
  holdFailures: 'until-well' | 'until-job-ends';
}

export function hostName(host: number): string {
  return `h${host}`;
}

/** The file. JSON is YAML as well. */
export function textOf({ number, apps, envs, limits, sequences, holdFailures }: NamespacePlan): string {
  const named = (hosts: readonly number[]) => hosts.map(hostName);
  const constraints = Object.keys(envs).map((type) => [
    type,
    { concurrency: limits[type] ?? {}, sequence: sequences[type] ?? [] },
  ]);
  const file = {
    apps: mapped(apps, named),
    envs: mapped(envs, (values) => mapped(values, named)),
    constraints: Object.fromEntries(constraints) as object,
    hold_failures: holdFailures,
  };
  return `# version ${number}\n${JSON.stringify(file, undefined, 1)}\n`;
}

/** Which version of the scenario a text is. */
export function numberOf(text: string): number | undefined {
  const match = /^# version (\d+)$/m.exec(text);
  return match === null ? undefined : Number(match[1]);
}

function mapped<Value, Result>(
  record: Record<string, Value>,
  change: (value: Value) => Result,
): Record<string, Result> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
