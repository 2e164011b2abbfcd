import { Injectable, NotFoundException } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { In, MoreThan, Repository } from 'typeorm';
import { Customer } from './customer.entity';
import { type NewOrder } from './new-order';
import { Order } from './order.entity';
import { Summary } from './summary.entity';

export interface OrderView extends NewOrder {
  id: number;
}

export type SummaryView = Pick<Summary, 'orders' | 'pieces'>;

const SUMMARY = 'orders';
const SUMMARY_LIFETIME_MS = 10_000;
const LIST_LENGTH = 100;

@Injectable()
export class OrdersService {
  constructor(
    @InjectRepository(Order) private readonly orders: Repository<Order>,
    @InjectRepository(Customer, 'user_data') private readonly customers: Repository<Customer>,
    @InjectRepository(Summary, 'cache_db') private readonly summaries: Repository<Summary>,
  ) {}

  async create({ customer, product, quantity }: NewOrder): Promise<OrderView> {
    // Not a lookup and then an insert: two first orders of one customer may arrive at the same time.
    await this.customers.upsert({ name: customer }, ['name']);
    const { id: customerId } = await this.customers.findOneByOrFail({ name: customer });
    const order = await this.orders.save({ customerId, product, quantity });
    return { id: order.id, customer, product, quantity };
  }

  /** Returns the newest orders, newest first. */
  async list(): Promise<OrderView[]> {
    return this.withCustomers(await this.orders.find({ order: { id: 'DESC' }, take: LIST_LENGTH }));
  }

  async get(id: number): Promise<OrderView> {
    const [order] = await this.withCustomers(await this.orders.findBy({ id }));
    if (order === undefined) throw new NotFoundException(`There is no order ${id}`);
    return order;
  }

  async summary(): Promise<SummaryView> {
    const cached = await this.summaries.findOneBy({ name: SUMMARY, expiresAt: MoreThan(Date.now()) });
    if (cached !== null) return { orders: cached.orders, pieces: cached.pieces };
    const summary = {
      orders: await this.orders.count(),
      pieces: (await this.orders.sum('quantity')) ?? 0,
    };
    await this.summaries.save({ name: SUMMARY, ...summary, expiresAt: Date.now() + SUMMARY_LIFETIME_MS });
    return summary;
  }

  private async withCustomers(orders: Order[]): Promise<OrderView[]> {
    const customers = await this.customers.findBy({ id: In(orders.map(({ customerId }) => customerId)) });
    const names = new Map(customers.map(({ id, name }) => [id, name]));
    return orders.map(({ id, customerId, product, quantity }) => ({
      id,
      customer: names.get(customerId) ?? 'unknown',
      product,
      quantity,
    }));
  }
}
