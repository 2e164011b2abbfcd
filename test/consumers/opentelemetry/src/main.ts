// An application without a Prometheus client, whose SDK is started by whoever starts the process.
import { PrometheusMigrationsModule } from 'nestjs-prometheus-migrations';
import { start } from './application.js';

const app = await start({
  imports: [PrometheusMigrationsModule.forRoot({ meter: true, readiness: { path: '/readyz' } })],
});
process.on('message', () => void app.close().then(() => process.exit()));
process.send?.(await app.getUrl());
