import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import type { MigrationsReport } from '../../lib';
import type { ReviewReport } from '../../lib/review/report';

/** A report that is as `docs/report.schema.json` says. */
export const parseReport = parserOf<MigrationsReport>('report');
/** A report that is as `docs/review.schema.json` says. */
export const parseReview = parserOf<ReviewReport>('review');

function parserOf<Report>(name: string): (json: string) => Report {
  const file = join(__dirname, `../../docs/${name}.schema.json`);
  const schema = JSON.parse(readFileSync(file, 'utf8')) as object;
  const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(schema);
  return (json) => {
    const report: unknown = JSON.parse(json);
    if (!validate(report)) throw new Error(`No report: ${JSON.stringify(validate.errors)}\n${json}`);
    return report as Report;
  };
}
