import {
  Controller,
  Get,
  Headers,
  Inject,
  Res,
  SetMetadata,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { MigrationsStatus } from '../status/status';
import { answerPastInterceptors, BEFORE_INTERCEPTORS } from './answer';
import { OWN_ROUTE, SWAGGER_EXCLUDE } from './metadata';
import { statusPage } from './pages';
import type { MigrationsReport } from '../verdict/report';

/**
 * Serves the state of every connection: JSON, and a page for a browser.
 *
 * The module registers one if the option `statusPath` is set. To add a guard or your own route, do not
 * set it. Extend this class like {@link MetricsController} instead, and list the subclass
 * in a module's `controllers`.
 *
 * @example
 * ```ts
 * @Controller({ path: 'internal/migrations', version: VERSION_NEUTRAL })
 * @UseGuards(StaffGuard)
 * export class InternalStatusController extends MigrationsStatusController {}
 * ```
 */
@SetMetadata(SWAGGER_EXCLUDE, [true])
@Controller({ path: [], version: VERSION_NEUTRAL })
export class MigrationsStatusController {
  constructor(
    @Inject(MigrationsStatus)
    readonly migrations: { report(): Promise<MigrationsReport>; readonly title?: string | undefined },
    @Inject(HttpAdapterHost) readonly host: HttpAdapterHost,
  ) {}

  /** Answers with the report. Interceptors get no body, so they cannot wrap it. */
  @Get()
  @SetMetadata(OWN_ROUTE, true)
  @UseGuards(BEFORE_INTERCEPTORS)
  async status(
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) response: unknown,
  ): Promise<void> {
    const { httpAdapter } = this.host;
    await answerPastInterceptors(httpAdapter, response, () => statusPage(this.migrations, accept));
  }
}
