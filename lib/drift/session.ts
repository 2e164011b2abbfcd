import type { QueryRunner } from 'typeorm';
import type { QueryArguments } from '../migration/connection';
import type { SchemaView } from './schema-view';

/** A read-only connection for one drift check. */
export interface Session {
  readonly view: SchemaView;
  readonly runner: QueryRunner;
  /** Starts the read-only transaction. */
  begin(): Promise<void>;
  query<Row>(statement: string, ...rest: QueryArguments): Promise<readonly Row[]>;
  /** Ends the transaction and releases the connection; never rejects. */
  end(): Promise<void>;
  /** Destroys the connection at once, even while a statement runs. */
  destroy(): void;
}
