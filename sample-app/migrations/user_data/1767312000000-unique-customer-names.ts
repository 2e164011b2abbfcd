import { type MigrationInterface, type QueryRunner, TableIndex } from 'typeorm';

export class UniqueCustomerNames1767312000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createIndex(
      'customers',
      new TableIndex({ name: 'customers_name', columnNames: ['name'], isUnique: true }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropIndex('customers', 'customers_name');
  }
}
