import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';
import { prepare } from './prepare';

async function main(): Promise<void> {
  await prepare();
  if (process.env.ORDERS_WAIT) {
    console.log('Starts when the migrations are applied. In a second terminal: npm run sample:migrate');
  }
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(process.env.PORT || 3000);

  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  console.log(`
The orders API runs at ${url}

  curl ${url}/orders
  curl -H 'Content-Type: application/json' -d '{"customer":"Ada","product":"Tea","quantity":2}' ${url}/orders
  curl ${url}/metrics

Three gates hold a rollout by its migrations:

  curl -i ${url}/readyz   readiness: 503 until all are applied, then 200
  ${url}/internal/migrations   status: open it in a browser, or curl it for JSON
  ORDERS_WAIT=1 npm start   start-up: waits until all are applied

Apply the migrations that are left in a second terminal, and look again:

  npm run sample:migrate
`);
}

void main();
