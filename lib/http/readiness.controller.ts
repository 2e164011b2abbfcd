import { Controller, Get, Inject, Res, SetMetadata, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { MigrationsHealthIndicator } from '../health/indicator';
import { answerPastInterceptors, BEFORE_INTERCEPTORS } from './answer';
import { OWN_ROUTE, SWAGGER_EXCLUDE } from './metadata';
import { readinessPage } from './pages';

/** Serves the readiness probe of the option `readiness`, for applications without terminus. */
@SetMetadata(SWAGGER_EXCLUDE, [true])
@Controller({ path: [], version: VERSION_NEUTRAL })
export class ReadinessController {
  constructor(
    @Inject(MigrationsHealthIndicator) readonly indicator: MigrationsHealthIndicator,
    @Inject(HttpAdapterHost) readonly host: HttpAdapterHost,
  ) {}

  /** Answers 200 or 503. Interceptors get no body, so they cannot wrap it. */
  @Get()
  @SetMetadata(OWN_ROUTE, true)
  @UseGuards(BEFORE_INTERCEPTORS)
  async readiness(@Res({ passthrough: true }) response: unknown): Promise<void> {
    await answerPastInterceptors(this.host.httpAdapter, response, () => readinessPage(this.indicator));
  }
}
