import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Customer } from './customer.entity';
import { Order } from './order.entity';
import { OrdersController } from './orders.controller';
import { OrdersService } from './orders.service';
import { Summary } from './summary.entity';

@Module({
  imports: [
    TypeOrmModule.forFeature([Order]),
    TypeOrmModule.forFeature([Customer], 'user_data'),
    TypeOrmModule.forFeature([Summary], 'cache_db'),
  ],
  controllers: [OrdersController],
  providers: [OrdersService],
})
export class OrdersModule {}
