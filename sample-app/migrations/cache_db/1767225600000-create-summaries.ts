import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class CreateSummaries1767225600000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'summaries',
        columns: [
          { name: 'name', type: 'varchar', length: '100', isPrimary: true },
          { name: 'orders', type: 'integer' },
          { name: 'pieces', type: 'integer' },
        ],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('summaries');
  }
}
