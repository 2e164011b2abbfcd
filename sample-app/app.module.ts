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
    PrometheusMigrationsModule.forRoot(),
    OrdersModule,
  ],
})
export class AppModule {}
