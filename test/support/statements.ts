import type { Logger } from 'typeorm';

/** A TypeORM logger that keeps the statements sent. */
export class StatementLog implements Logger {
  readonly statements: string[] = [];

  logQuery(query: string): void {
    this.statements.push(query);
  }
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}

  /** The statements since the last call. */
  take(): string[] {
    return this.statements.splice(0);
  }
}
