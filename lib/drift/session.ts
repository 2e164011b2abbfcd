import type { QueryRunner } from 'typeorm';
import type { QueryArguments } from '../migration/connection';
import type { SchemaView } from './schema-view';

/** A connection that can only read, for one look at the schema. */
export interface Session {
  readonly view: SchemaView;
  readonly runner: QueryRunner;
  /** Starts the read-only transaction. */
  begin(): Promise<void>;
  query<Row>(statement: string, ...rest: QueryArguments): Promise<readonly Row[]>;
  /** Ends the transaction and gives the connection back; never rejects. */
  end(): Promise<void>;
  /** Lets go of the connection at once, whatever it is doing. */
  destroy(): void;
}
