import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

@Entity('customers')
@Index('customers_name', ['name'], { unique: true })
export class Customer {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 100 })
  name!: string;
}
