import { BadRequestException, Body, Controller, Get, Param, Post } from '@nestjs/common';
import { parseNewOrder } from './new-order';
import { OrdersService, type OrderView, type SummaryView } from './orders.service';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  async create(@Body() body: unknown): Promise<OrderView> {
    return this.orders.create(parseNewOrder(body));
  }

  @Get()
  async list(): Promise<OrderView[]> {
    return this.orders.list();
  }

  @Get('summary')
  async summary(): Promise<SummaryView> {
    return this.orders.summary();
  }

  @Get(':id')
  async get(@Param('id') id: string): Promise<OrderView> {
    // Nine digits fit into every database's integer.
    if (!/^\d{1,9}$/.test(id)) throw new BadRequestException('id must be a whole number');
    return this.orders.get(Number(id));
  }
}
