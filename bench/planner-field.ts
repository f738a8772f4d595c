/**
 * What the planner's bench plans over: a namespace of halls, rooms and racks, and jobs over all of its hosts.
 *
 * 1. Every host is in one app, and in one rack, one room and one hall: so in three slots, with a percentage each.
 * 2. The first app comes before all others in its rack; hosts of the last app fail now and then, and go on counting.
 */

/** Environment types from the finest to the coarsest, and how many values of the one before it each value holds. */
export interface FieldShape {
  hosts: number;
  apps: number;
  racks: number;
  racksPerRoom: number;
  racksPerHall: number;
}

/** Ten slots for 1,000 hosts, a hundred for 10,000, a thousand for 100,000. */
export const fieldShapes: readonly FieldShape[] = [
  { hosts: 1_000, apps: 2, racks: 3, racksPerRoom: 3, racksPerHall: 3 },
  { hosts: 10_000, apps: 5, racks: 15, racksPerRoom: 4, racksPerHall: 15 },
  { hosts: 100_000, apps: 10, racks: 80, racksPerRoom: 5, racksPerHall: 20 },
];

/** Percentage of a slot's hosts that may be disturbed at once, from the finest environment type to the coarsest. */
const limits = { rack: 25, room: 20, hall: 15 } as const;
/** Of the hosts of the last app, every so many-th fails; which ones is another matter in each job. */
const failingEvery = 200;

export class Field {
  readonly shape: FieldShape;

  constructor(shape: FieldShape) {
    this.shape = shape;
  }

  get slots(): number {
    const { apps, racks, racksPerRoom, racksPerHall } = this.shape;
    return apps * (racks + Math.ceil(racks / racksPerRoom) + Math.ceil(racks / racksPerHall));
  }

  /** Every host, or every tenth, as a target expression. */
  targets(every: 1 | 10 = 1): string {
    const { hosts } = this.shape;
    return every === 1 ? `n[0-${hosts - 1}]` : `n[0-${hosts - 1}/${every}]`;
  }

  fails(host: number, job: number): boolean {
    const { hosts, apps } = this.shape;
    return host >= (hosts / apps) * (apps - 1) && (host + job * 7) % failingEvery === 0;
  }

  /** The namespace file. */
  text(): string {
    const { apps } = this.shape;
    const names = Array.from({ length: apps }, (_, app) => `app${app}`);
    const lines = ['apps:'];
    for (const [app, name] of names.entries()) lines.push(`  ${name}: ['${this.#rangeOf(app, 0, 1)}']`);
    lines.push('envs:');
    for (const [type, values] of this.#values()) {
      lines.push(`  ${type}:`);
      for (const [value, expression] of values.entries())
        lines.push(`    ${type}${value}: ['${expression}']`);
    }
    lines.push('constraints:');
    for (const [type, percent] of Object.entries(limits)) {
      const each = names.map((name) => `${name}: ${percent}%`).join(', ');
      lines.push(`  ${type}:`, `    concurrency: { ${each} }`);
      if (type !== 'rack') continue;
      const after = names.slice(1).map((name) => `[${names[0]!}, ${name}]`);
      lines.push(`    sequence: [${after.join(', ')}]`);
    }
    return `${lines.join('\n')}\n`;
  }

  /** Expressions of the values of each environment type. */
  #values(): [type: keyof typeof limits, values: string[]][] {
    const { apps, racks, racksPerRoom, racksPerHall } = this.shape;
    const valuesOf = (width: number) =>
      Array.from({ length: Math.ceil(racks / width) }, (_, value) => {
        const [from, to] = [(value * width) / racks, Math.min(1, ((value + 1) * width) / racks)];
        return Array.from({ length: apps }, (_none, app) => this.#rangeOf(app, from, to)).join(',');
      });
    return [
      ['rack', valuesOf(1)],
      ['room', valuesOf(racksPerRoom)],
      ['hall', valuesOf(racksPerHall)],
    ];
  }

  /** The hosts of an app from one part of it to another, as an expression. */
  #rangeOf(app: number, from: number, to: number): string {
    const { hosts, apps } = this.shape;
    const each = hosts / apps;
    const first = app * each + Math.round(from * each);
    return `n[${first}-${app * each + Math.round(to * each) - 1}]`;
  }
}
