import { compareBaseline } from './baseline';
import { type DriftIgnore, ignoreDrift } from './ignore';
import type { DriftDifference, DriftReading, DriftSkip } from './reading';

/**
 * Drift of one connection in a {@link ConnectionReport}. It contains no SQL and no default of a column, which
 * may be secret.
 */
export interface DriftReport {
  /** Statements that `migration:generate` would emit for the differences; `null` if drift was not judged. */
  readonly statements: number | null;
  /** Differences that count. */
  readonly differences: readonly DriftDifference[];
  /** Differences that the option `ignore` or the baseline excludes. */
  readonly ignored: readonly DriftDifference[];
  /** Why drift was not judged. */
  readonly skipped?: DriftSkip;
  /** Time of the check. */
  readonly checkedAt: string;
}

/** Known differences, which do not count. */
export interface KnownDrift {
  readonly ignore?: readonly DriftIgnore[] | undefined;
  readonly baseline?: readonly DriftDifference[] | undefined;
}

/** Reports on a reading without the known differences. */
export function driftReportOf(
  reading: DriftReading,
  { ignore = [], baseline = [] }: KnownDrift,
): DriftReport {
  const checkedAt = new Date(reading.checkedAt).toISOString();
  if ('skipped' in reading) {
    return { statements: null, differences: [], ignored: [], skipped: reading.skipped, checkedAt };
  }
  const { counted } = ignoreDrift(reading.differences, ignore);
  const { fresh: differences } = compareBaseline(counted, baseline);
  const statements = differences.reduce((sum, difference) => sum + difference.statements, 0);
  const ignored = reading.differences.filter((difference) => !differences.includes(difference));
  return { statements, differences, ignored, checkedAt };
}
