import { DataSource, type DataSourceOptions } from 'typeorm';
import { StatementLog } from './statements';

const opened: DataSource[] = [];

/** An initialized DataSource that keeps its statements, closed by {@link closeDataSources}. */
export async function openDataSource(
  options: DataSourceOptions,
): Promise<{ dataSource: DataSource; log: StatementLog }> {
  const log = new StatementLog();
  const dataSource = closeLater(
    await new DataSource({ ...options, logger: log, logging: true }).initialize(),
  );
  log.take();
  return { dataSource, log };
}

/** Runs migrations as another process does. */
export async function runMigrations(options: DataSourceOptions): Promise<void> {
  const dataSource = await new DataSource(options).initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** Leaves it to {@link closeDataSources} to close a DataSource. */
export function closeLater<Opened extends DataSource>(dataSource: Opened): Opened {
  opened.push(dataSource);
  return dataSource;
}

export async function closeDataSources(): Promise<void> {
  for (const dataSource of opened.splice(0)) {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
