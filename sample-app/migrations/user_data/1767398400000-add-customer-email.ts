import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

export class AddCustomerEmail1767398400000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.addColumn(
      'customers',
      new TableColumn({ name: 'email', type: 'varchar', length: '254', isNullable: true }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropColumn('customers', 'email');
  }
}
