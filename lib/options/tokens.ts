/**
 * Token of the resolved module options. It is a registered symbol, so the command line finds them in an
 * application with another copy of this package.
 */
export const RESOLVED_OPTIONS = Symbol.for('nestjs-prometheus-migrations:RESOLVED_OPTIONS');
