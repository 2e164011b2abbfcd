/** Embedded databases of mobile or browser applications, which cannot be opened read-only. */
const EMBEDDED: readonly unknown[] = ['capacitor', 'cordova', 'expo', 'nativescript', 'react-native'];

/** Returns why a DataSource with these options is refused; `undefined` if it is allowed. */
export function refusalOf({ type, driver }: { type?: unknown; driver?: unknown }): string | undefined {
  if (EMBEDDED.includes(type)) {
    return `has the type "${String(type)}": that database is inside the process, and cannot be opened without writing. Run the check where the application runs.`;
  }
  if (type === 'postgres' && driver != null && !isNodePostgres(driver)) {
    return 'has an option driver that is not pg (as PGlite): that database is inside the process, and cannot be opened without writing. Read it in the application.';
  }
  return undefined;
}

/** Only a client of a server has the class for PostgreSQL's protocol. */
function isNodePostgres(driver: unknown): boolean {
  return typeof (driver as { Connection?: unknown }).Connection === 'function';
}
