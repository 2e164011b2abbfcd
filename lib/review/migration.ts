/** A migration that TypeORM would load from one state of the code. */
export interface SourceMigration {
  readonly name: string;
  /** Milliseconds since the epoch, from its name. */
  readonly timestamp: number;
  /** Path from the repository's root of the file that defines its class. */
  readonly file: string;
  /** What that file holds, with the line ends of Unix. */
  readonly text: string;
}

/** What TypeORM would load, as a process of its own reports it. */
export interface LoadedSources {
  readonly connections: readonly LoadedConnection[];
  /** The files that were loaded before any migration: the DataSource's own, and what they import. */
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
  /** The file that defines its class; `undefined` if none does, as if `eval` did. */
  readonly file: string | undefined;
}

/** Files as they are compared: Node.js takes all line ends for the same. */
export function withUnixLineEnds(content: Buffer | string): string {
  return content
    .toString()
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
}
