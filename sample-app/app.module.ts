import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { connectionOptions } from './data-source.options';
import { OrdersModule } from './orders/orders.module';

const options = connectionOptions();

@Module({
  imports: [
    TypeOrmModule.forRoot(options.default),
    TypeOrmModule.forRoot({ ...options.user_data, name: 'user_data' }),
    TypeOrmModule.forRoot({ ...options.cache_db, name: 'cache_db' }),
    PrometheusMigrationsModule.forRoot({
      // 503 until the migrations are applied, then 200 for the life of the process.
      readiness: { path: '/readyz', once: true },
      statusPath: '/internal/migrations',
      // Another process applies them: `npm run sample:migrate`.
      ...(process.env.ORDERS_WAIT && { waitFor: { timeout: 5 * 60_000, interval: 1000 } }),
    }),
    OrdersModule,
  ],
})
export class AppModule {}
