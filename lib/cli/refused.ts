/** Databases inside the process, of a telephone or a browser, that cannot be opened for reading only. */
const EMBEDDED: readonly unknown[] = ['capacitor', 'cordova', 'expo', 'nativescript', 'react-native'];

/** Why a DataSource with these options is not connected; `undefined` if it may be. */
export function refusalOf({ type, driver }: { type?: unknown; driver?: unknown }): string | undefined {
  if (EMBEDDED.includes(type)) {
    return `has the type "${String(type)}": that database is inside the process, and cannot be opened without writing. Run the check where the application runs.`;
  }
  if (type === 'postgres' && driver != null && !isNodePostgres(driver)) {
    return 'has an option driver that is not pg (as PGlite): that database is inside the process, and cannot be opened without writing. Read it in the application.';
  }
  return undefined;
}

/** Only a client that talks to a server has PostgreSQL's protocol. */
function isNodePostgres(driver: unknown): boolean {
  return typeof (driver as { Connection?: unknown }).Connection === 'function';
}
