import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import type { MigrationsReport } from '../../lib';

const schema = JSON.parse(readFileSync(join(__dirname, '../../docs/report.schema.json'), 'utf8')) as object;
const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);

/** A report that is as `docs/report.schema.json` says. */
export function parseReport(json: string): MigrationsReport {
  const report: unknown = JSON.parse(json);
  if (!validate(report)) throw new Error(`No report: ${JSON.stringify(validate.errors)}\n${json}`);
  return report as MigrationsReport;
}
