import { PrometheusMigrationsError } from '../prometheus-migrations.errors';

/** Thrown if a review is not possible. The message has the reason and the fix. */
export class ReviewError extends PrometheusMigrationsError {}
