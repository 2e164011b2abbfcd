import { join } from 'node:path';
import { type DataSourceOptions, type MigrationInterface } from 'typeorm';
import { CreateSummaries1767225600000 } from './migrations/cache_db/1767225600000-create-summaries';
import { AddSummaryExpiry1767312000000 } from './migrations/cache_db/1767312000000-add-summary-expiry';
import { CreateOrders1767225600000 } from './migrations/default/1767225600000-create-orders';
import { AddOrderQuantity1767312000000 } from './migrations/default/1767312000000-add-order-quantity';
import { IndexOrderCustomers1767398400000 } from './migrations/default/1767398400000-index-order-customers';
import { CreateShipments1767484800000 } from './migrations/default/1767484800000-create-shipments';
import { CreateCustomers1767225600000 } from './migrations/user_data/1767225600000-create-customers';
import { UniqueCustomerNames1767312000000 } from './migrations/user_data/1767312000000-unique-customer-names';
import { AddCustomerEmail1767398400000 } from './migrations/user_data/1767398400000-add-customer-email';
import { Customer } from './orders/customer.entity';
import { Order } from './orders/order.entity';
import { Summary } from './orders/summary.entity';

export const CONNECTIONS = ['default', 'user_data', 'cache_db'] as const;
export type Connection = (typeof CONNECTIONS)[number];

/** Options whose migrations are a plain list, oldest first. */
export type ConnectionOptions = DataSourceOptions & { readonly migrations: (new () => MigrationInterface)[] };

/**
 * The databases of the connections: SQLite files in `SAMPLE_DATA_DIR`, or servers if `DATABASE_URL`
 * (PostgreSQL) and `USER_DATA_URL` (MySQL, MariaDB) are set.
 */
export function connectionOptions(environment = process.env): Record<Connection, ConnectionOptions> {
  const folder = environment.SAMPLE_DATA_DIR || join(process.cwd(), 'sample-app', '.data');
  const sqlite = (connection: Connection) => ({
    type: 'better-sqlite3' as const,
    database: join(folder, `${connection}.sqlite`),
    // Lets another process migrate while the application reads.
    enableWAL: true,
  });

  return {
    default: {
      ...(environment.DATABASE_URL ? { type: 'postgres', url: environment.DATABASE_URL } : sqlite('default')),
      entities: [Order],
      migrations: [
        CreateOrders1767225600000,
        AddOrderQuantity1767312000000,
        IndexOrderCustomers1767398400000,
        CreateShipments1767484800000,
      ],
      logging: false,
    },
    user_data: {
      ...(environment.USER_DATA_URL
        ? { type: 'mysql', url: environment.USER_DATA_URL }
        : sqlite('user_data')),
      entities: [Customer],
      migrations: [
        CreateCustomers1767225600000,
        UniqueCustomerNames1767312000000,
        AddCustomerEmail1767398400000,
      ],
      logging: false,
    },
    cache_db: {
      ...sqlite('cache_db'),
      entities: [Summary],
      migrations: [CreateSummaries1767225600000, AddSummaryExpiry1767312000000],
      logging: false,
    },
  };
}
