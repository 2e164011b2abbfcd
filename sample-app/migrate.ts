import { DataSource, MigrationExecutor } from 'typeorm';
import { type Connection, CONNECTIONS, connectionOptions } from './data-source.options';

const USAGE = `Usage: npm run sample:migrate                            apply what is pending
       npm run sample:migrate -- revert [connection]     revert the last one (${CONNECTIONS.join(', ')})`;

async function main([command, connection = 'default', ...rest]: string[]): Promise<void> {
  if (command === undefined) {
    for (const each of CONNECTIONS) await open(each, apply);
  } else if (command === 'revert' && isConnection(connection) && rest.length === 0) {
    await open(connection, revert);
  } else {
    console.error(USAGE);
    process.exitCode = 2;
  }
}

async function apply(connection: Connection, dataSource: DataSource): Promise<void> {
  const applied = await dataSource.runMigrations();
  for (const { name } of applied) console.log(`${connection}: applied ${name}`);
  if (applied.length === 0) console.log(`${connection}: nothing is pending`);
}

async function revert(connection: Connection, dataSource: DataSource): Promise<void> {
  const [newest] = await new MigrationExecutor(dataSource).getExecutedMigrations();
  await dataSource.undoLastMigration();
  console.log(`${connection}: ${newest === undefined ? 'nothing to revert' : `reverted ${newest.name}`}`);
}

async function open(
  connection: Connection,
  work: (connection: Connection, dataSource: DataSource) => Promise<void>,
): Promise<void> {
  const dataSource = await new DataSource(connectionOptions()[connection]).initialize();
  try {
    await work(connection, dataSource);
  } finally {
    await dataSource.destroy();
  }
}

function isConnection(name: string): name is Connection {
  return (CONNECTIONS as readonly string[]).includes(name);
}

void main(process.argv.slice(2));
