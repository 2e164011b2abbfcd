import { Logger } from '@nestjs/common';

/** The one context that everything of this package is logged with. */
export const logger = new Logger('PrometheusMigrations');
