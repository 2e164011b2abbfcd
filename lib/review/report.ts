import type { AllowedBy } from './allowances';
import type { Finding, FindingKind } from './judge';

/** The output of `review --json`: `docs/review.schema.json`. */
export interface ReviewReport {
  readonly version: 1;
  /** Whether nothing fails the review. */
  readonly ok: boolean;
  readonly base: {
    /** The ref that the user passed. */
    readonly ref: string;
    /** The commit of the ref. */
    readonly commit: string;
    /** The merge base's commit. */
    readonly mergeBase: string;
  };
  /** The kinds that fail the review. */
  readonly failOn: readonly FindingKind[];
  readonly connections: readonly ConnectionReview[];
  /** Problems of allowances: unused ones and broken ones. */
  readonly notes: readonly string[];
}

export interface ConnectionReview {
  readonly connection: string;
  readonly ok: boolean;
  /** How many migrations the working tree defines. */
  readonly defined: number;
  /** Names of the migrations that the base does not have. */
  readonly added: readonly string[];
  readonly findings: readonly ReviewFinding[];
}

export interface ReviewFinding extends Finding {
  /** Line of the class, counted from 1; `null` if the file has no such class or does not exist. */
  readonly line: number | null;
  /** Whether it fails the review. */
  readonly fails: boolean;
  readonly allowed: AllowedBy | null;
}
