/** The exit codes of the command line. */
export const EXIT = {
  /** Every migration is applied, or the policy allows the rest. */
  upToDate: 0,
  /** Something is unapplied, or whatever else `--fail-on` names. */
  unapplied: 1,
  /** The check could not be made: a database cannot be read, a file cannot be used, a flag is wrong. */
  unknown: 2,
} as const;

/** Exit codes after signals, as shells count them. */
export const SIGNAL_EXIT = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
