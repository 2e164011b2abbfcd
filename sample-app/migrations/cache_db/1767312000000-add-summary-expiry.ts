import { type MigrationInterface, type QueryRunner, TableColumn } from 'typeorm';

export class AddSummaryExpiry1767312000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.addColumn(
      'summaries',
      new TableColumn({ name: 'expiresAt', type: 'bigint', default: 0 }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropColumn('summaries', 'expiresAt');
  }
}
