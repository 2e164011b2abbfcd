import type { DataSource } from 'typeorm';
import type { DataSourceCandidate } from '../data-source/data-source.alias';
import type { ReadingOutcome } from '../migration/migration.reader';
import type { MigrationReading } from '../migration/migration.state';
import type { ConnectionSnapshot } from './migration.gauges';
import type { CollectionErrors } from './migration.metrics';
import { logReading } from './reading.log';

interface Connection extends ConnectionSnapshot {
  readonly dataSource: DataSource;
  readonly outcome: ReadingOutcome;
}

/** What every connection read last; counts failures and logs changes as readings come in. */
export class ConnectionSnapshots {
  private readonly connections = new Map<string, Connection>();

  constructor(private readonly errors: CollectionErrors) {}

  all(): readonly ConnectionSnapshot[] {
    return [...this.connections.values()];
  }

  keep({ alias, dataSource }: DataSourceCandidate, outcome: ReadingOutcome): void {
    const before = this.connections.get(alias);
    if (before === undefined) this.errors.add(alias);
    const previous = before?.dataSource === dataSource ? before : undefined;
    // The same reading again, or one that a newer one has overtaken.
    if (previous !== undefined && outcome.startedAt <= previous.outcome.startedAt) return;
    if (outcome.status === 'failed') this.errors.count(alias, outcome.reason);
    logReading(alias, previous?.outcome, outcome);
    this.connections.set(alias, {
      dataSource,
      outcome,
      database: dataSource.options.type,
      reading: readingOf(alias, outcome),
      lastSuccess: outcome.status === 'read' ? outcome.at / 1000 : previous?.lastSuccess,
    });
  }

  /** Drops the connections, and all of their series, that are not among these. */
  retain(aliases: { has(alias: string): boolean }): void {
    for (const alias of this.connections.keys()) {
      if (aliases.has(alias)) continue;
      this.connections.delete(alias);
      this.errors.remove(alias);
    }
  }
}

/** A reading as the public API shows it. */
export function readingOf(connection: string, outcome: ReadingOutcome): MigrationReading {
  const { durationSeconds } = outcome;
  return outcome.status === 'read'
    ? { connection, status: 'read', state: outcome.state, durationSeconds }
    : { connection, status: 'failed', reason: outcome.reason, durationSeconds };
}
