import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

export class CreateShipments1767484800000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'shipments',
        columns: [
          {
            name: 'id',
            type: 'integer',
            isPrimary: true,
            isGenerated: true,
            generationStrategy: 'increment',
          },
          { name: 'orderId', type: 'integer' },
          { name: 'carrier', type: 'varchar', length: '100' },
        ],
        foreignKeys: [
          {
            name: 'shipments_order',
            columnNames: ['orderId'],
            referencedTableName: 'orders',
            referencedColumnNames: ['id'],
            onDelete: 'CASCADE',
          },
        ],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('shipments');
  }
}
