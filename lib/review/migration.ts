/** A migration that TypeORM would load from one state of the code. */
export interface SourceMigration {
  readonly name: string;
  /** Milliseconds since the epoch, from its name. */
  readonly timestamp: number;
  /** Path from the repository's root of the file that defines its class. */
  readonly file: string;
  /** The file's text with Unix line ends. */
  readonly text: string;
}

/** The migrations that TypeORM would load, reported by a separate process. */
export interface LoadedSources {
  readonly connections: readonly LoadedConnection[];
  /** Files that were loaded before any migration: those of the DataSource and their imports. */
  readonly files: readonly string[];
}

export interface LoadedConnection {
  readonly connection: string;
  /** The option `migrations`, if it holds paths only. */
  readonly globs: readonly string[] | undefined;
  readonly migrations: readonly LoadedMigration[];
}

export interface LoadedMigration {
  readonly name: string;
  /** The file that defines its class; `undefined` if there is none, as with `eval`. */
  readonly file: string | undefined;
}

/** Normalizes a file for comparison: Node.js treats all line ends as equal. */
export function withUnixLineEnds(content: Buffer | string): string {
  return content
    .toString()
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
}
