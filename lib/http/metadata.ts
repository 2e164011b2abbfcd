/** Marks our handlers. Nest copies it to their routes, which identifies them. */
export const OWN_ROUTE = 'nestjs-prometheus-migrations/own-route';
/** `@nestjs/swagger` omits controllers with this metadata. */
export const SWAGGER_EXCLUDE = 'swagger/apiExcludeController';
