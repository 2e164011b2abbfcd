/** The exit codes of the command line. */
export const EXIT = {
  /** Every migration is applied, or the policy allows the rest. */
  upToDate: 0,
  /** A migration is unapplied, or another condition of `--fail-on` applies. */
  unapplied: 1,
  /** The result is not known: a database cannot be read, a file cannot be used, or a flag is wrong. */
  unknown: 2,
} as const;

/** Exit codes after signals, by the convention of shells. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
