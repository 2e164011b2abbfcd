import { Controller } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { MetricsController, PrometheusMigrationsModule } from '../../lib';
import { OrdersController } from '../support/application-parts';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { defineMigrations } from '../support/migrations';

@Controller('internal/metrics')
class InternalMetricsController extends MetricsController {}

afterEach(closeApplications);

describe('the document of @nestjs/swagger', () => {
  it('lists neither our controllers nor what extends them', async () => {
    const { app, fetch } = await startApplication({
      imports: [
        sqliteModule(defineMigrations(1)),
        PrometheusMigrationsModule.forRoot({
          registry: new Registry(),
          readiness: { path: '/readyz' },
          statusPath: '/internal/migrations',
        }),
      ],
      controllers: [OrdersController, InternalMetricsController],
    });
    const { paths } = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    expect(Object.keys(paths)).toEqual(['/orders']);
    const served = ['/metrics', '/internal/metrics', '/readyz', '/internal/migrations'];
    const statuses = await Promise.all(served.map(async (path) => (await fetch(path)).status));
    expect(statuses).toEqual([200, 200, 503, 200]);
  });
});
