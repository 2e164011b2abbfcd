import { type MigrationInterface, type QueryRunner, TableIndex } from 'typeorm';

export class IndexOrderCustomers1767398400000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createIndex(
      'orders',
      new TableIndex({ name: 'orders_customer', columnNames: ['customerId'] }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropIndex('orders', 'orders_customer');
  }
}
