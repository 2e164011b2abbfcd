import { join } from 'node:path';
import { DataSource } from 'typeorm';

export const dataSource = new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL ?? 'postgres://localhost/orders',
  migrations: [join(__dirname, 'migrations/*.js')],
});
