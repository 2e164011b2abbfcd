/**
 * Token of the module's options, checked and completed. The command line finds them in an application that has
 * another copy of this package.
 */
export const RESOLVED_OPTIONS = Symbol.for('nestjs-prometheus-migrations:RESOLVED_OPTIONS');
