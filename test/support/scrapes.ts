import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Counter } from 'prom-client';
import type { DataSource } from 'typeorm';
import { readingsOf, samples } from './exposition';
import { poolState } from './waiting';

/** What those saw who scraped an application, all of them together. */
export class Scrapes {
  count = 0;
  /** ms */
  slowest = 0;
  /** ms by which the event loop, of scrapers and application, was late at most: a busy machine. */
  lag = 0;
  /** Connections of the pool that were lent out or waited for, at most. */
  mostSlots = 0;
  /** The last exposition. */
  text = '';
  /** Each different reading, as JSON, once. */
  readonly failing = new Set<string>();
  readonly healthy = new Set<string>();
  /** Answers that were no exposition, or told something else of the application's own metric. */
  readonly wrong = new Set<string>();

  private readonly unseen: { status: number; text: string; orders: [least: number, most: number] }[] = [];

  /**
   * @param orders - a metric of the application's own
   * @param dataSource - of the connection `default`, that fails
   */
  constructor(
    private readonly fetch: () => Promise<Response>,
    private readonly orders: Counter,
    private readonly dataSource: DataSource,
  ) {}

  /** @returns what the failing connection read */
  async one(): Promise<Readonly<Record<string, number>>> {
    await this.watched(() => this.scrape());
    return this.look();
  }

  /** So many scrapes by several scrapers at a time, and on until a point in time. */
  async many(count: number, scrapers: number, until = 0): Promise<void> {
    let left = count;
    const scraper = async () => {
      while (left-- > 0 || performance.now() < until) await this.scrape();
    };
    await this.watched(() => Promise.all(Array.from({ length: scrapers }, scraper)));
    this.look();
  }

  /** Notes by how much the event loop is late meanwhile. */
  private async watched(scraping: () => Promise<unknown>): Promise<void> {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    await scraping();
    delay.disable();
    this.lag = Math.max(this.lag, delay.max / 1e6);
  }

  private async scrape(): Promise<void> {
    this.orders.inc();
    const atLeast = await this.ordered();
    const startedAt = performance.now();
    const response = await this.fetch();
    const text = await response.text();
    this.slowest = Math.max(this.slowest, performance.now() - startedAt);
    this.count += 1;
    const { lent, waiting } = poolState(this.dataSource);
    this.mostSlots = Math.max(this.mostSlots, lent + waiting);
    this.unseen.push({ status: response.status, text, orders: [atLeast, await this.ordered()] });
  }

  /** Apart from the scrapes, whose time it would take. */
  private look(): Record<string, number> {
    let failing = {};
    for (const { status, text, orders } of this.unseen.splice(0)) {
      failing = readingOf(text, 'default');
      this.failing.add(JSON.stringify(failing));
      this.healthy.add(JSON.stringify(readingOf(text, 'healthy')));
      const ordered = samples(text).get('orders_total') ?? Number.NaN;
      const right = status === 200 && ordered >= orders[0] && ordered <= orders[1];
      if (!right) this.wrong.add(`status ${status}, ${ordered} orders of ${orders.join(' to ')}`);
      this.text = text;
    }
    return failing;
  }

  private async ordered(): Promise<number> {
    return (await this.orders.get()).values[0]?.value ?? 0;
  }
}

/** All that a connection reads but times, in the order of the names. */
export function readingOf(text: string, connection: string): Record<string, number> {
  const readings = Object.entries(readingsOf(text, connection)).filter(
    ([name]) => !name.endsWith('_seconds'),
  );
  return Object.fromEntries(readings.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** The failed readings of a connection that were counted, by reason. */
export function failuresOf(text: string, connection: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [series, value] of samples(text)) {
    const match = /_collection_errors_total{connection="(.*)",reason="(.*)"}$/.exec(series);
    if (match?.[1] === connection && match[2] !== undefined && value > 0) found[match[2]] = value;
  }
  return found;
}
