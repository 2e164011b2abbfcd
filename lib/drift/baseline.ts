import { pathOf } from './ignore';
import type { DriftDifference } from './reading';

export interface DriftBaseline {
  /** Differences that are not in the baseline. */
  readonly fresh: readonly DriftDifference[];
  /** Differences of the baseline that no longer exist: they can be removed from it. */
  readonly gone: readonly DriftDifference[];
}

/**
 * Compares differences with a pinned list, by change, table and name. The number of statements is ignored,
 * because it differs between versions of TypeORM.
 */
export function compareBaseline(
  differences: readonly DriftDifference[],
  baseline: readonly DriftDifference[],
): DriftBaseline {
  return { fresh: without(differences, baseline), gone: without(baseline, differences) };
}

/** Several differences may have one path, such as keys without a name. Each entry removes one. */
function without(
  differences: readonly DriftDifference[],
  others: readonly DriftDifference[],
): readonly DriftDifference[] {
  const left = new Map<string, number>();
  for (const other of others) left.set(pathOf(other), (left.get(pathOf(other)) ?? 0) + 1);
  return differences.filter((difference) => {
    const count = left.get(pathOf(difference)) ?? 0;
    left.set(pathOf(difference), count - 1);
    return count <= 0;
  });
}

/** Whether a value, as parsed from a file, is a list of differences. */
export function isBaseline(value: unknown): value is readonly DriftDifference[] {
  return Array.isArray(value) && value.every(isDifference);
}

function isDifference(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { change, table, name } = value as Record<string, unknown>;
  return (
    typeof change === 'string' &&
    typeof table === 'string' &&
    (name === undefined || typeof name === 'string')
  );
}
