/** Marks our handlers. Nest copies it to their routes, so that ours can be found among others. */
export const OWN_ROUTE = 'nestjs-prometheus-migrations/own-route';
/** `@nestjs/swagger` leaves out controllers that have this metadata. */
export const SWAGGER_EXCLUDE = 'swagger/apiExcludeController';
