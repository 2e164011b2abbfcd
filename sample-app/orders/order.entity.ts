import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('orders')
export class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  /** The customer lives in another database, so there is no relation. */
  @Column()
  customerId!: number;

  @Column({ length: 100 })
  product!: string;

  @Column({ default: 1 })
  quantity!: number;
}
