export { FastifyAdapter as Adapter } from '@nestjs/platform-fastify';
