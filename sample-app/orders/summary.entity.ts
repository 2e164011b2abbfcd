import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('summaries')
export class Summary {
  @PrimaryColumn({ length: 100 })
  name!: string;

  @Column()
  orders!: number;

  @Column()
  pieces!: number;

  /** Unix time in milliseconds. */
  @Column('bigint', { default: 0 })
  expiresAt!: number;
}
