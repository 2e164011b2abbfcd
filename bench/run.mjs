// npm run bench: milliseconds, and their ratio to a floor of the same run. It takes some minutes.
// npm run bench -- --against FOLDER: compares readings of this build with another build, as ratios to the
// same floor.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchAgainst } from './against.mjs';
import { benchCommandLine } from './command-line.mjs';
import { benchDrift } from './drift.mjs';
import { benchHttp } from './http.mjs';
import { benchOpenTelemetry } from './opentelemetry.mjs';
import { benchReadings } from './readings.mjs';
import { benchReview } from './review.mjs';
import { benchStartup } from './startup.mjs';

console.log(
  `${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model}`,
);
const { against } = parseArgs({ options: { against: { type: 'string' } } }).values;
if (against !== undefined) {
  await benchAgainst(against);
  process.exit();
}
console.log('\n## Readings');
await benchReadings();
console.log('\n## Scrapes\n');
await benchHttp();
console.log('\n## OpenTelemetry\n');
await benchOpenTelemetry();
console.log('\n## Start-up\n');
await benchStartup();
console.log('\n## Drift\n');
await benchDrift();
console.log('\n## Command line\n');
benchCommandLine();
console.log('\n## Review\n');
benchReview();
process.exit();
