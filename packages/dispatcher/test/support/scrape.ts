import type { ApiClient } from './api-client.js';

/** One sample of a scrape. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** What `/metrics` tells, read as Prometheus does. */
export class Scrape {
  readonly text: string;
  readonly samples: readonly Sample[];

  constructor(text: string) {
    this.text = text;
    this.samples = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map(parseSample);
  }

  static async of(api: ApiClient): Promise<Scrape> {
    const reply = await api.call('/metrics');
    if (reply.status !== 200) throw new Error(`/metrics: ${reply.status} ${reply.body.toString()}`);
    return new Scrape(reply.body.toString('utf8'));
  }

  /** Of the one sample with this name that has these labels, whatever others it has; undefined without one. */
  value(name: string, labels: Record<string, string> = {}): number | undefined {
    const found = this.samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    if (found.length > 1) throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
    return found[0]?.value;
  }

  /** Those of the name that aren't 0, by the value of one label. */
  by(name: string, label: string): Record<string, number> {
    return Object.fromEntries(
      this.samples
        .filter((sample) => sample.name === name && sample.value !== 0)
        .map(({ labels, value }) => [labels[label], value]),
    );
  }
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const labels = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  return {
    name: match[1]!,
    labels: Object.fromEntries(labels.map(([, label, value]) => [label!, value!])),
    value: Number(match[3]),
  };
}
