import { PrometheusMigrationsError } from '../prometheus-migrations.errors';

/** A review could not be made. The message says why, and what to do. */
export class ReviewError extends PrometheusMigrationsError {}
