import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Test files that take 15 seconds or more, most of them because they wait. */
const LONGEST: readonly string[] = [
  'monitoring/end-to-end',
  'faults/shutdown',
  'faults/faults.postgres',
  'faults/faults.mariadb',
  'monitoring/runs.end-to-end',
  'integration/command-line.waiting',
  'faults/startup-gate',
  'monitoring/rules',
  'integration/review',
  'integration/drift-cases',
  'integration/review.loading',
  'e2e/pages',
  'integration/review.order',
  'integration/review.git',
  'e2e/command-line',
  'faults/pools',
  'faults/bounds',
  'faults/drivers',
];

/** Starts the longest files first, so that none of them is left over when all others have ended. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.spec.ts`));
      return rank < 0 ? LONGEST.length : rank;
    };
    return (await super.sort(files)).sort((one, other) => rankOf(one) - rankOf(other));
  }
}
