import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { COMPILE_MS, type CompiledFixture, compileFixture } from '../support/compiled';
import { createPostgres, type TestDatabase } from '../support/databases';
import { samples } from '../support/exposition';
import { freePort } from '../support/free-port';
import { hasPrometheus, metricFindings } from '../support/promtool';
import { hasPushgateway, type RunningPushgateway, startPushgateway } from '../support/pushgateway';

const GROUP = 'connection="default",instance="",job="orders",namespace="shop"';

/** The example as a user has it: compiled, beside migrations of its own. */
class Job {
  private constructor(
    private readonly fixture: CompiledFixture,
    private readonly migrations: string,
  ) {}

  static async compile(name: string): Promise<Job> {
    const fixture = await compileFixture(`docs/examples/${name}`);
    const migrations = join(dirname(fixture.file), 'migrations');
    await mkdir(migrations, { recursive: true });
    return new Job(fixture, migrations);
  }

  /** The one migration that there is. */
  async define(name: string, sql: string): Promise<void> {
    for (const file of await readdir(this.migrations)) await rm(join(this.migrations, file));
    const up = `async up(queryRunner) { await queryRunner.query(${JSON.stringify(sql)}); }`;
    await writeFile(
      join(this.migrations, `${name}.js`),
      `exports.${name} = class ${name} { ${up} async down() {} };`,
    );
  }

  run(environment: NodeJS.ProcessEnv): Promise<{ code: number; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [this.fixture.file],
        { env: { ...process.env, ...environment } },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  }

  remove(): Promise<void> {
    return this.fixture.remove();
  }
}

describe.skipIf(inject('postgresUrl') === undefined)('a Job that migrates', () => {
  let database: TestDatabase;
  let job: Job;

  const migrate = (environment: NodeJS.ProcessEnv) => job.run({ DATABASE_URL: database.url, ...environment });
  const works = () => job.define('Works1700000000000', 'SELECT 1');
  const fails = () => job.define('Fails1700000000001', "SELECT 'hunter2' FROM missing");

  describe.skipIf(!hasPushgateway)('and pushes the outcome to a Pushgateway', () => {
    let gateway: RunningPushgateway;

    beforeAll(async () => {
      [database, gateway, job] = await Promise.all([
        createPostgres(),
        startPushgateway(),
        Job.compile('migrate-and-push'),
      ]);
    }, COMPILE_MS);
    afterAll(async () => {
      await gateway.stop();
      await job.remove();
      await database.drop();
    });

    const run = (environment: NodeJS.ProcessEnv = {}) =>
      migrate({ PUSHGATEWAY_URL: gateway.url, ...environment });
    const last = (outcome: string) =>
      `typeorm_migrations_last_run_timestamp_seconds{connection="default",instance="",job="orders",namespace="shop",outcome="${outcome}"}`;

    it('pushes the run and nothing else, and ends with 0', async () => {
      await works();
      const began = Date.now() / 1000;

      const { code, stdout, stderr } = await run();

      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/default: Works1700000000000 ran in \d/);
      const pushed = await gateway.pushed();
      expect(Object.keys(pushed).sort()).toEqual([
        last('succeeded'),
        ...['count', 'sum'].flatMap((kind) =>
          ['failed', 'succeeded'].map(
            (outcome) => `typeorm_migrations_run_duration_seconds_${kind}{${GROUP},outcome="${outcome}"}`,
          ),
        ),
        `typeorm_migrations_runs_in_progress{${GROUP}}`,
      ]);
      expect(pushed[last('succeeded')]).toBeGreaterThanOrEqual(began);
      expect(pushed[`typeorm_migrations_runs_in_progress{${GROUP}}`]).toBe(0);
    });

    it('ends with 1 if the run fails, and pushes that in place of the success before', async () => {
      await fails();

      const { code, stdout, stderr } = await run();

      expect(code).toBe(1);
      expect(stderr).toContain('relation "missing" does not exist');
      expect(`${stdout}${stderr}`).toMatch(
        /default: Fails1700000000001 failed after \d.*\(QueryFailedError: 42P01\)/,
      );
      const pushed = await gateway.pushed();
      expect(pushed).toHaveProperty([last('failed')]);
      expect(pushed).not.toHaveProperty([last('succeeded')]);
    });

    it('pushes the next success in place of the failure', async () => {
      await works();

      expect((await run()).code).toBe(0);
      const pushed = await gateway.pushed();
      expect(pushed).toHaveProperty([last('succeeded')]);
      expect(pushed).not.toHaveProperty([last('failed')]);
    });

    it('pushes nothing if no run has begun: the database cannot be reached', async () => {
      const before = await gateway.pushed();

      const { code } = await run({ DATABASE_URL: `postgres://127.0.0.1:${await freePort()}/none` });

      expect(code).toBe(1);
      expect(await gateway.pushed()).toEqual(before);
    });

    it('says that the push failed, and ends as the run did', async () => {
      const gone = { PUSHGATEWAY_URL: `http://127.0.0.1:${await freePort()}` };
      await works();
      const success = await run(gone);
      await fails();
      const failure = await run(gone);

      expect([success.code, failure.code]).toEqual([0, 1]);
      for (const { stderr } of [success, failure])
        expect(stderr).toMatch(/^The outcome of the run was not pushed: .*ECONNREFUSED/m);
    });
  });

  describe('and writes the outcome to a file for node_exporter', () => {
    let folder: string;
    let file: string;

    beforeAll(async () => {
      [database, job] = await Promise.all([createPostgres(), Job.compile('migrate-and-write')]);
    }, COMPILE_MS);
    afterAll(async () => {
      await job.remove();
      await database.drop();
    });
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'textfile-'));
      file = join(folder, 'orders.prom');
      return () => rm(folder, { recursive: true });
    });

    it.each([
      ['succeeded', works, 0],
      ['failed', fails, 1],
    ] as const)('which %s', async (outcome, define, exit) => {
      await define();

      const { code } = await migrate({ TEXTFILE: file });

      expect(code).toBe(exit);
      const text = await readFile(file, 'utf8');
      expect(samples(text).get(lastOf(outcome))).toBeGreaterThan(Date.now() / 1000 - 60);
      expect(text).not.toContain('unapplied');
      if (hasPrometheus) expect(metricFindings(text)).toEqual(['']);
      expect(await readdir(folder)).toEqual(['orders.prom']);
      expect((await stat(file)).mode & 0o777).toBe(0o644);
    });

    it('says that it cannot be written, and ends as the run did', async () => {
      await works();

      const { code, stderr } = await migrate({ TEXTFILE: join(folder, 'missing/orders.prom') });

      expect(code).toBe(0);
      expect(stderr).toMatch(/^The outcome of the run was not written: ENOENT/);
    });
  });
});

const lastOf = (outcome: string) =>
  `typeorm_migrations_last_run_timestamp_seconds{connection="orders",outcome="${outcome}"}`;

describe('docs/runs.md', () => {
  it.each(['data-source', 'migrate-and-push', 'migrate-and-write'])('shows %s.ts as it is', async (name) => {
    const project = join(__dirname, '../..');
    const code = await readFile(join(project, `docs/examples/${name}.ts`), 'utf8');

    expect(await readFile(join(project, 'docs/runs.md'), 'utf8')).toContain(`\`\`\`ts\n${code}\`\`\``);
  });
});
