import type { AllowedBy } from './allowances';
import type { Finding, FindingKind } from './judge';

/** What `review --json` prints: `docs/review.schema.json`. */
export interface ReviewReport {
  readonly version: 1;
  /** Whether nothing fails the review. */
  readonly ok: boolean;
  readonly base: {
    /** As it was named. */
    readonly ref: string;
    /** The commit that it names. */
    readonly commit: string;
    /** The commit from which the branch went apart. */
    readonly mergeBase: string;
  };
  /** The kinds that fail the review. */
  readonly failOn: readonly FindingKind[];
  readonly connections: readonly ConnectionReview[];
  /** What is wrong with allowances: nothing needs them, or they cannot be read. */
  readonly notes: readonly string[];
}

export interface ConnectionReview {
  readonly connection: string;
  readonly ok: boolean;
  /** How many migrations the working tree defines. */
  readonly defined: number;
  /** The names of those that the base does not have. */
  readonly added: readonly string[];
  readonly findings: readonly ReviewFinding[];
}

export interface ReviewFinding extends Finding {
  /** Of the class, counted from 1; `null` if the file has none or is not there. */
  readonly line: number | null;
  /** Whether it fails the review. */
  readonly fails: boolean;
  readonly allowed: AllowedBy | null;
}
