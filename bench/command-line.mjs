// Measures the start of the command, as ratios to Node.js processes that do less.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, milliseconds, ratio, table } from './statistics.mjs';

const ROUNDS = 25;
const ROOT = join(import.meta.dirname, '..');
const MAIN = join(ROOT, 'dist/lib/cli/main.js');

const DATA_SOURCE = `const { DataSource } = require(${JSON.stringify(join(ROOT, 'node_modules/typeorm'))});
class First1700000000000 { async up() {} async down() {} }
exports.dataSource = new DataSource({ type: 'better-sqlite3', database: 'app.sqlite', migrations: [First1700000000000] });`;
const MIGRATE = `require('./data-source.js').dataSource.initialize().then((ds) => ds.runMigrations())`;
const SELECT = `require('./data-source.js').dataSource.initialize()
  .then((ds) => ds.query('SELECT name FROM migrations')).then(() => process.exit())`;

export function benchCommandLine() {
  const folder = mkdtempSync(join(tmpdir(), 'command-line-'));
  const files = { 'data-source.js': DATA_SOURCE, 'migrate.js': MIGRATE, 'select.js': SELECT };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const run = (...args) => {
    const startedAt = performance.now();
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${args.join(' ')}: exit code ${status}\n${stderr}`);
    return performance.now() - startedAt;
  };
  try {
    run('migrate.js');
    const pairs = [
      {
        what: 'check --help',
        floor: 'node -e 0',
        args: [MAIN, 'check', '--help'],
        least: ['-e', '0'],
        bound: 1.5,
      },
      {
        what: 'check of one SQLite file',
        floor: 'open it, send one SELECT',
        args: [MAIN, 'check', '-d', 'data-source.js'],
        least: ['select.js'],
        bound: 1.3,
      },
    ].map((pair) => ({ ...pair, took: [], floors: [] }));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const { args, least, took, floors } of pairs) {
        floors.push(run(...least));
        took.push(run(...args));
      }
    }
    const rows = pairs.map(({ what, floor, took, floors, bound }) => [
      what,
      milliseconds(median(took)),
      floor,
      milliseconds(median(floors)),
      ratio(median(took), median(floors)),
      ratio(Math.min(...took), Math.min(...floors)),
      `${bound} ×`,
    ]);
    console.log(
      table(['command', 'median', 'beside it', 'median', 'ratio', 'ratio of the fastest', 'bound'], rows),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
