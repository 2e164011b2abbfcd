import { Logger } from '@nestjs/common';
import { DataSource, MigrationExecutor } from 'typeorm';
import { type Connection, CONNECTIONS, connectionOptions } from './data-source.options';

/** Number of newest migrations that a first start leaves for `npm run sample:migrate`. */
const LEFT_OUT: Record<Connection, number> = { default: 2, user_data: 1, cache_db: 0 };

const logger = new Logger('Prepare');

/**
 * Creates the tables that the API needs at a first start. Your own application would apply all of its
 * migrations; this one leaves some unapplied for the demonstration.
 */
export async function prepare(): Promise<void> {
  const options = connectionOptions();
  for (const connection of CONNECTIONS) {
    const { migrations } = options[connection];
    const first = migrations.slice(0, migrations.length - LEFT_OUT[connection]);
    const dataSource = new DataSource({ ...options[connection], migrations: first });
    await dataSource.initialize();
    try {
      const executed = await new MigrationExecutor(dataSource).getExecutedMigrations();
      if (executed.length > 0) continue;
      await dataSource.runMigrations();
      logger.log(`${connection}: first start, applied ${first.length} of ${migrations.length} migrations`);
    } finally {
      await dataSource.destroy();
    }
  }
}
