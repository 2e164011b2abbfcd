/** Of our handlers: Nest copies it to their routes, by which they are told from others. */
export const OWN_ROUTE = 'nestjs-prometheus-migrations/own-route';
/** By this `@nestjs/swagger` leaves a controller out of its document. */
export const SWAGGER_EXCLUDE = 'swagger/apiExcludeController';
