import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

export class AddOrderQuantity1767312000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.addColumn('orders', new TableColumn({ name: 'quantity', type: 'integer', default: 1 }));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropColumn('orders', 'quantity');
  }
}
