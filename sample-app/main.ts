import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';
import { prepare } from './prepare';

async function main(): Promise<void> {
  await prepare();
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  await app.listen(process.env.PORT || 3000);

  const url = (await app.getUrl()).replace('[::1]', 'localhost');
  console.log(`
The orders API runs at ${url}

  curl ${url}/orders
  curl -H 'Content-Type: application/json' -d '{"customer":"Ada","product":"Tea","quantity":2}' ${url}/orders
  curl ${url}/metrics

Apply the migrations that are left in a second terminal, and look at /metrics again:

  npm run sample:migrate
`);
}

void main();
